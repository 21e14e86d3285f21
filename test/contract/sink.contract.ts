/** What every Sink promises: call describeSink with a way to make one. */
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/core/errors.js';
import { BLOCK_BYTES, type Entry } from '../../src/core/entry.js';
import type { DeliveredFile, PartFile, PresentFile, Sink } from '../../src/core/sink.js';
import { makeContent } from '../support/folders.js';
import { copyBlocks } from './source.contract.js';

export interface SinkOptions {
  readonly onConflict: 'rename' | 'overwrite' | 'skip' | 'fail';
  readonly maxSize: number;
  /** Default true. */
  readonly isKnown?: boolean;
}

/** A new session's sink over `store`, or over a new store. */
export interface SinkContract<Store> {
  makeStore(): Promise<Store> | Store;
  makeSink(store: Store, options: SinkOptions): Promise<Sink> | Sink;
  /** Everything below the root, sorted, part files included. */
  readNames(store: Store): Promise<string[]> | string[];
  readFile(store: Store, path: string): Promise<Uint8Array> | Uint8Array;
  readAttributes(store: Store, path: string): Promise<{ mode: number; mtimeNs: bigint }>;
  readTarget(store: Store, path: string): Promise<string> | string;
  /** Copies a block to where a session would have it; the block itself when absent. */
  readonly toMemory?: (block: Uint8Array) => Uint8Array;
}

const SECOND_NS = 1_000_000_000n;
const TIME_NS = 1_600_000_000n * SECOND_NS;

const SIZES = [0, 1, 1023, 1024, 1025, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 5];

const BAD_PATHS = ['', '/etc/passwd', '../x', 'a/../x', 'a//b', 'C:/x', 'a\\b', 'a\0b', 'NUL.txt', 'a.', '.ftx-a.part'];

const BAD_TARGETS = ['', '/etc/passwd', '../outside', '../../x', 'a/../../../x', 'C:/x', 'a\\b', 'a\0b'];

export const PROOF = { canProve: true } as const;

export function offerFile(path: string, size: number | null, overrides: Partial<Entry> = {}): Entry {
  return { path, kind: 'file', size, mtimeNs: TIME_NS, mode: 0o640, ...overrides };
}

export function offerDirectory(path: string, overrides: Partial<Entry> = {}): Entry {
  return { path, kind: 'directory', size: 0, mtimeNs: TIME_NS, mode: 0o750, ...overrides };
}

export function offerLink(path: string, target: string): Entry {
  return { path, kind: 'symlink', size: 0, mtimeNs: TIME_NS, mode: 0o777, target };
}

export function refusal(code: ErrorCode): Error {
  return expect.objectContaining({ name: 'FtxError', code }) as Error;
}

export function expectPart(opened: PartFile | PresentFile | DeliveredFile): PartFile {
  if (opened.state !== 'part') throw new Error('expected a part file');
  return opened;
}

export async function writeAll(part: PartFile, content: Uint8Array): Promise<void> {
  for (let offset = 0; offset < content.length; offset += BLOCK_BYTES)
    await part.write(content.subarray(offset, offset + BLOCK_BYTES), offset);
}

export async function receiveFile(
  sink: Sink,
  path: string,
  content: Uint8Array,
  toMemory = (block: Uint8Array) => block,
): Promise<string> {
  const opened = await sink.open(offerFile(path, content.length));
  const part = opened.state === 'present' ? expectPart(await opened.receiveBeside!()) : expectPart(opened);
  try {
    for (let at = 0; at < content.length; at += BLOCK_BYTES) {
      await part.write(toMemory(content.subarray(at, at + BLOCK_BYTES)), at);
    }
    return (await part.commit(content.length)).as;
  } finally {
    // As a session does: a part that cannot be written must not hold its folder.
    await part.discard();
  }
}

export function describeSink<Store>(name: string, contract: SinkContract<Store>): void {
  const start = async (
    options: Partial<SinkOptions> = {},
  ): Promise<{ store: Store; sink: Sink; again: () => Promise<Sink> }> => {
    const store = await contract.makeStore();
    const all = { onConflict: 'rename', maxSize: Infinity, ...options } as const;
    const again = async () => contract.makeSink(store, all);
    return { store, sink: await again(), again };
  };
  const text = async (store: Store, path: string): Promise<string> =>
    Buffer.from(await contract.readFile(store, path)).toString();

  describe(`${name} as a Sink`, () => {
    it.each(SIZES)('receives a file of %i bytes with its time and permissions', async (size) => {
      const { store, sink } = await start();
      const content = makeContent(size, size + 7);
      expect(await receiveFile(sink, 'a file.bin', content, contract.toMemory)).toBe('a file.bin');
      expect(content.equals(await contract.readFile(store, 'a file.bin'))).toBe(true);
      expect(await contract.readAttributes(store, 'a file.bin')).toEqual({ mode: 0o640, mtimeNs: TIME_NS });
      expect(await contract.readNames(store)).toEqual(['a file.bin']);
    });

    it('takes blocks in any order, at once, and twice', async () => {
      const { store, sink } = await start();
      const content = makeContent(4 * BLOCK_BYTES + 9);
      const part = expectPart(await sink.open(offerFile('x', content.length)));
      const write = (number: number): Promise<void> =>
        part.write(content.subarray(number * BLOCK_BYTES, (number + 1) * BLOCK_BYTES), number * BLOCK_BYTES);
      await part.write(Buffer.alloc(BLOCK_BYTES), 2 * BLOCK_BYTES);
      await Promise.all([4, 0, 3, 2, 1].map(write));
      await part.commit(content.length);
      expect(content.equals(await contract.readFile(store, 'x'))).toBe(true);
    });

    it('has nothing under the final name before commit, and nothing at all after discard', async () => {
      const { store, sink } = await start();
      const part = expectPart(await sink.open(offerFile('x', 4)));
      await part.write(Buffer.from('data'), 0);
      expect(await contract.readNames(store)).not.toContain('x');
      await part.discard();
      await part.discard();
      expect(await contract.readNames(store)).toEqual([]);
      await expect(part.write(Buffer.from('data'), 0)).rejects.toThrow(refusal('aborted'));
      await expect(part.commit(4)).rejects.toThrow(refusal('aborted'));
    });

    it('keeps a committed file through a discard', async () => {
      const { store, sink } = await start();
      const part = expectPart(await sink.open(offerFile('x', 0)));
      await part.commit(0);
      await part.discard();
      expect(await contract.readNames(store)).toEqual(['x']);
    });

    it('refuses to commit another size than was written, and leaves nothing', async () => {
      const { store, sink } = await start();
      const part = expectPart(await sink.open(offerFile('x', 9)));
      await part.write(Buffer.from('data'), 0);
      await expect(part.commit(9)).rejects.toThrow(refusal('io'));
      expect(await contract.readNames(store)).toEqual([]);
    });

    it('makes missing parents, and says where the file is', async () => {
      const { store, sink } = await start();
      expect(await receiveFile(sink, 'a/b/ü x.txt', Buffer.from('1'))).toBe('a/b/ü x.txt');
      expect(await contract.readNames(store)).toEqual(['a', 'a/b', 'a/b/ü x.txt']);
    });

    it.each(BAD_PATHS)('refuses the path %j for every kind of entry', async (path) => {
      const { store, sink } = await start();
      await expect(sink.open(offerFile(path, 1))).rejects.toThrow(refusal('bad-name'));
      await expect(sink.place(offerDirectory(path))).rejects.toThrow(refusal('bad-name'));
      await expect(sink.place(offerLink(path, 'x'))).rejects.toThrow(refusal('bad-name'));
      expect(await contract.readNames(store)).toEqual([]);
    });

    it('refuses a file, a folder and a link below a file or a link', async () => {
      const { store, sink } = await start();
      await receiveFile(sink, 'f', Buffer.from('1'));
      await sink.place(offerLink('d/l', 'inner'));
      for (const parent of ['f', 'd/l', 'f/deeper']) {
        await expect(sink.open(offerFile(`${parent}/x`, 1))).rejects.toThrow(refusal('bad-parent'));
        await expect(sink.place(offerDirectory(`${parent}/x`))).rejects.toThrow(refusal('bad-parent'));
        await expect(sink.place(offerLink(`${parent}/x`, 'y'))).rejects.toThrow(refusal('bad-parent'));
      }
      expect(await contract.readNames(store)).toEqual(['d', 'd/l', 'f']);
    });

    it('holds an announced size and the size of a stream to the limit', async () => {
      const { store, sink } = await start({ maxSize: 1024 });
      await expect(sink.open(offerFile('x', 1025))).rejects.toThrow(refusal('too-large'));
      const part = expectPart(await sink.open(offerFile('x', null)));
      await part.write(Buffer.alloc(1024), 0);
      await expect(part.write(Buffer.alloc(1), 1024)).rejects.toThrow(refusal('too-large'));
      await part.discard();
      expect(await receiveFile(sink, 'y', Buffer.alloc(1024))).toBe('y');
      expect(await contract.readNames(store)).toEqual(['y']);
    });

    it('takes a stream', async () => {
      const { store, sink } = await start();
      const part = expectPart(await sink.open(offerFile('x', null)));
      await part.write(Buffer.from('data'), 0);
      expect(await part.commit(4)).toEqual({ as: 'x' });
      expect(await text(store, 'x')).toBe('data');
    });

    describe('when the name is taken', () => {
      it('rename finds another', async () => {
        const { store, sink, again } = await start();
        expect(await receiveFile(sink, 'd/photo.jpg', Buffer.from('1'))).toBe('d/photo.jpg');
        expect(await receiveFile(sink, 'd/photo.jpg', Buffer.from('2'))).toBe('d/photo (1).jpg');
        expect(await receiveFile(await again(), 'd/photo.jpg', Buffer.from('3'))).toBe('d/photo (2).jpg');
        expect(await text(store, 'd/photo.jpg')).toBe('1');
        expect(await text(store, 'd/photo (2).jpg')).toBe('3');
        expect(await receiveFile(sink, 'd', Buffer.from('4'))).toBe('d (1)');
      });

      it('rename loses none of 50 that are committed at once', async () => {
        const { store, again } = await start();
        const numbers = Array.from({ length: 50 }, (_, number) => number);
        const names = await Promise.all(
          numbers.map(async (n) => receiveFile(await again(), 'x.txt', Buffer.from(`file ${n}`))),
        );
        expect(new Set(names).size).toBe(50);
        expect(await contract.readNames(store)).toEqual([...names].sort());
        for (const n of numbers) expect(await text(store, names[n]!)).toBe(`file ${n}`);
      });

      it('fail refuses, at the offer and at a commit that comes too late', async () => {
        const { store, sink, again } = await start({ onConflict: 'fail' });
        const late = expectPart(await sink.open(offerFile('x', 4)));
        await late.write(Buffer.from('late'), 0);
        await receiveFile(await again(), 'x', Buffer.from('first'));
        await expect(late.commit(4)).rejects.toThrow(refusal('exists'));
        await expect((await again()).open(offerFile('x', 4))).rejects.toThrow(refusal('exists'));
        expect(await contract.readNames(store)).toEqual(['x']);
        expect(await text(store, 'x')).toBe('first');
      });

      it('overwrite replaces files and links, not folders', async () => {
        const { store, sink, again } = await start({ onConflict: 'overwrite' });
        await receiveFile(sink, 'x', Buffer.from('old'));
        expect(await receiveFile(await again(), 'x', Buffer.from('new'))).toBe('x');
        expect(await text(store, 'x')).toBe('new');
        await sink.place(offerLink('d/l', 'inner'));
        await receiveFile(await again(), 'd/l', Buffer.from('file now'));
        expect(await text(store, 'd/l')).toBe('file now');
        await expect((await again()).open(offerFile('d', 1))).rejects.toThrow(refusal('exists'));
      });

      it('overwrite keeps the old one until commit, and after a discard', async () => {
        const { store, sink } = await start({ onConflict: 'overwrite' });
        await receiveFile(sink, 'x', Buffer.from('old'));
        const part = expectPart(await sink.open(offerFile('x', 3, { mtimeNs: TIME_NS + SECOND_NS })));
        await part.write(Buffer.from('new'), 0);
        expect(await text(store, 'x')).toBe('old');
        await part.discard();
        expect(await text(store, 'x')).toBe('old');
        expect(await contract.readNames(store)).toEqual(['x']);
      });

      it.each(['rename', 'overwrite', 'skip', 'fail'] as const)(
        '%s hands out the file of that size and time to be compared',
        async (onConflict) => {
          const { store, sink, again } = await start({ onConflict });
          const content = makeContent(BLOCK_BYTES + 3);
          await receiveFile(sink, 'd/x', content);
          const present = await (await again()).open(offerFile('d/x', content.length), PROOF);
          if (present.state !== 'present') throw new Error('expected the file that is there');
          expect(Buffer.concat(await copyBlocks(present, 0)).equals(content)).toBe(true);
          expect(present.receiveBeside !== undefined).toBe(onConflict === 'rename' || onConflict === 'overwrite');
          expect(await contract.readNames(store)).toEqual(['d', 'd/x']);
        },
      );

      it.each(['rename', 'overwrite', 'skip', 'fail'] as const)(
        '%s compares the content as it comes, if the proof of the sender is not worth the reading',
        async (onConflict) => {
          const { store, sink, again } = await start({ onConflict });
          const content = makeContent(BLOCK_BYTES + 3);
          await receiveFile(sink, 'd/x', content);
          const ids = [];
          for (let times = 0; times < 2; times += 1) {
            const present = await (await again()).open(offerFile('d/x', content.length), PROOF);
            if (present.state !== 'present') throw new Error('expected the file that is there');
            ids.push(present.id);
            const part = await present.receiveFirst();
            await part.write(content.subarray(0, BLOCK_BYTES), 0);
            await part.write(content.subarray(BLOCK_BYTES), BLOCK_BYTES);
            expect(await part.commit(content.length)).toMatchObject(
              onConflict === 'overwrite' ? { as: 'd/x' } : { as: 'd/x', already: true },
            );
          }
          if (onConflict !== 'overwrite') expect(ids[1]).toBe(ids[0]);
          expect(await contract.readNames(store)).toEqual(['d', 'd/x']);
        },
      );

      it.each(['before it is compared', 'while it is compared'])(
        'overwrite tells that the file to compare was replaced %s',
        async (moment) => {
          const { store, sink, again } = await start({ onConflict: 'overwrite' });
          await receiveFile(sink, 'x', Buffer.from('old'));
          const present = await (await again()).open(offerFile('x', 3), PROOF);
          const part = expectPart(await (await again()).open(offerFile('x', 5)));
          await part.write(Buffer.from('newer'), 0);
          if (present.state !== 'present') throw new Error('expected the file that is there');
          const blocks = present.blocks()[Symbol.asyncIterator]();
          if (moment === 'while it is compared') await blocks.next();
          await part.commit(5);
          await expect(blocks.next()).rejects.toThrow(refusal('changed'));
          expect(await receiveFile(await again(), 'x', Buffer.from('old'))).toBe('x');
          expect(await text(store, 'x')).toBe('old');
        },
      );

      it.each(['skip', 'fail'] as const)('%s refuses what cannot be the file that is there', async (onConflict) => {
        const { sink, again } = await start({ onConflict });
        await receiveFile(sink, 'd/x', Buffer.from('1'));
        for (const offer of [offerFile('d/x', 2), offerFile('d', 1)])
          await expect((await again()).open(offer, PROOF)).rejects.toThrow(refusal('exists'));
      });

      it.each(['rename', 'overwrite', 'skip', 'fail'] as const)(
        '%s finds that the very content is there already, whatever its time, also of a stranger',
        async (onConflict) => {
          for (const isKnown of [true, false]) {
            const { store, sink, again } = await start({ onConflict, isKnown });
            const content = makeContent(2 * BLOCK_BYTES + 3);
            await receiveFile(sink, 'd/x', content);
            for (const [size, mtimeNs] of [
              [content.length, TIME_NS],
              [content.length, 0n],
              [null, TIME_NS],
            ] as const) {
              const part = expectPart(await (await again()).open(offerFile('d/x', size, { mtimeNs })));
              await writeAll(part, content);
              expect(await part.commit(content.length)).toEqual({ as: 'd/x', already: true });
            }
            expect(await contract.readNames(store)).toEqual(['d', 'd/x']);
          }
        },
      );

      it.each([0, BLOCK_BYTES + 1, 2 * BLOCK_BYTES + 2])(
        'notices that the byte at %i differs, and stores the content that came',
        async (at) => {
          const { store, sink, again } = await start();
          const content = makeContent(2 * BLOCK_BYTES + 3);
          await receiveFile(sink, 'x', content);
          const other = Buffer.from(content);
          other[at] = (other[at] ?? 0) ^ 1;
          const part = expectPart(await (await again()).open(offerFile('x', content.length)));
          await writeAll(part, other);
          expect(await part.commit(content.length)).toEqual({ as: 'x (1)' });
          expect(Buffer.from(await contract.readFile(store, 'x')).equals(content)).toBe(true);
          expect(Buffer.from(await contract.readFile(store, 'x (1)')).equals(other)).toBe(true);
        },
      );

      it('rename finds a file again that has got a number, and does not number it twice', async () => {
        const { store, sink, again } = await start();
        await receiveFile(sink, 'q', Buffer.from('one'));
        expect(await receiveFile(await again(), 'q', Buffer.from('two'))).toBe('q (1)');
        for (let times = 0; times < 3; times += 1)
          expect(await receiveFile(await again(), 'q', Buffer.from('two'))).toBe('q (1)');
        expect(await contract.readNames(store)).toEqual(['q', 'q (1)']);
      });

      it.each(['rename', 'overwrite', 'skip', 'fail'] as const)(
        '%s stores one of two files of the same content that are sent at once',
        async (onConflict) => {
          const { store, sink, again } = await start({ onConflict });
          const other = await again();
          const parts = [await sink.open(offerFile('x', 3)), await other.open(offerFile('x', 3))].map(expectPart);
          for (const part of parts) await writeAll(part, Buffer.from('abc'));
          const placed = await Promise.all(parts.map((part) => part.commit(3)));
          expect(placed.map(({ as }) => as)).toEqual(['x', 'x']);
          // Two that replace the same file at once may both take its name.
          if (onConflict !== 'overwrite') expect(placed.filter(({ already }) => already)).toHaveLength(1);
          expect(await contract.readNames(store)).toEqual(['x']);
        },
      );

      it.each(['skip', 'fail'] as const)('%s keeps the file that is there from other content', async (onConflict) => {
        for (const isKnown of [true, false]) {
          const { store, sink, again } = await start({ onConflict, isKnown });
          await receiveFile(sink, 'x', Buffer.from('abc'));
          const part = expectPart(await (await again()).open(offerFile('x', 3, { mtimeNs: 0n })));
          await writeAll(part, Buffer.from('abd'));
          await expect(part.commit(3)).rejects.toThrow(refusal('exists'));
          await part.discard();
          expect(await text(store, 'x')).toBe('abc');
          expect(await contract.readNames(store)).toEqual(['x']);
        }
      });

      it.each(['skip', 'fail'] as const)(
        '%s tells a stranger in the same words that a name is taken, whatever has it',
        async (onConflict) => {
          const { sink, again } = await start({ onConflict, isKnown: false });
          await receiveFile(sink, 'x', Buffer.from('abc'));
          const messages = new Set<string>();
          for (const offer of [offerFile('x', 3), offerFile('x', 3, { mtimeNs: 0n }), offerFile('x', 5)]) {
            const plan = (await again()).plan(true);
            await plan.add(offer).catch((error: unknown) => messages.add((error as Error).message));
            plan.close();
            const part = expectPart(await (await again()).open(offer, PROOF));
            await writeAll(part, Buffer.alloc(offer.size ?? 0));
            await part.commit(offer.size ?? 0).catch((error: unknown) => messages.add((error as Error).message));
            await part.discard();
          }
          expect([...messages]).toHaveLength(1);
        },
      );

      it('skip stores what is not there', async () => {
        const { store, sink } = await start({ onConflict: 'skip' });
        await receiveFile(sink, 'x', Buffer.from('1'));
        expect(await contract.readNames(store)).toEqual(['x']);
      });
    });

    describe('for a folder', () => {
      it('makes it with its time and permissions, also when its content came first', async () => {
        const { store, sink } = await start();
        expect(await sink.place(offerDirectory('empty/inner'))).toEqual({ as: 'empty/inner' });
        await receiveFile(sink, 'full/x', Buffer.from('1'));
        await sink.place(offerDirectory('full', { mode: 0o555 }));
        expect(await contract.readAttributes(store, 'empty/inner')).toEqual({ mode: 0o750, mtimeNs: TIME_NS });
        expect(await contract.readAttributes(store, 'full')).toEqual({ mode: 0o555, mtimeNs: TIME_NS });
      });

      it('takes offers made at once in their order', async () => {
        const { store, sink } = await start();
        await Promise.all(['a/b/c', 'a/b', 'a'].map((path) => sink.place(offerDirectory(path))));
        for (const path of ['a', 'a/b', 'a/b/c']) {
          expect(await contract.readAttributes(store, path)).toEqual({ mode: 0o750, mtimeNs: TIME_NS });
        }
      });

      it.each(['rename', 'overwrite', 'skip', 'fail'] as const)(
        'leaves one of an earlier session as it is (%s)',
        async (onConflict) => {
          const { store, sink, again } = await start({ onConflict });
          await sink.place(offerDirectory('d', { mode: 0o700 }));
          expect(await (await again()).place(offerDirectory('d', { mode: 0o777 }))).toEqual({ as: 'd', already: true });
          expect(await contract.readAttributes(store, 'd')).toMatchObject({ mode: 0o700 });
        },
      );

      it('refuses it where a file or a link stands', async () => {
        const { sink } = await start({ onConflict: 'overwrite' });
        await receiveFile(sink, 'f', Buffer.from('1'));
        await sink.place(offerLink('d/l', 'x'));
        await expect(sink.place(offerDirectory('f'))).rejects.toThrow(refusal('exists'));
        await expect(sink.place(offerDirectory('d/l'))).rejects.toThrow(refusal('exists'));
      });
    });

    describe('for a link', () => {
      it('makes it as it is', async () => {
        const { store, sink } = await start();
        for (const [path, target] of [
          ['d/l', 'x/y'],
          ['d/e/l', '../x'],
          ['d/e/f/l', '../..'],
        ] as const) {
          expect(await sink.place(offerLink(path, target))).toEqual({ as: path });
          expect(await contract.readTarget(store, path)).toBe(target);
        }
      });

      it.each(BAD_TARGETS)('refuses the target %j', async (target) => {
        const { store, sink } = await start();
        await expect(sink.place(offerLink('d/l', target))).rejects.toThrow(refusal('bad-link'));
        await expect(sink.place(offerLink('l', 'x'))).rejects.toThrow(refusal('bad-link'));
        expect(await contract.readNames(store)).toEqual([]);
      });

      it.each(['rename', 'overwrite', 'skip', 'fail'] as const)(
        'makes it once, however often it is sent (%s)',
        async (onConflict) => {
          const { store, again } = await start({ onConflict });
          const place = async () => (await again()).place(offerLink('d/l', 'x'));
          expect(await place()).toEqual({ as: 'd/l' });
          for (let times = 0; times < 2; times++) expect(await place()).toEqual({ as: 'd/l', already: true });
          expect(await contract.readNames(store)).toEqual(['d', 'd/l']);
        },
      );

      it('follows the policy where something stands', async () => {
        const { store, sink } = await start();
        await sink.place(offerLink('d/l', 'one'));
        const placeUnder = async (onConflict: SinkOptions['onConflict'], path: string, target: string) =>
          (await contract.makeSink(store, { onConflict, maxSize: Infinity })).place(offerLink(path, target));
        await expect(placeUnder('fail', 'd/l', 'two')).rejects.toThrow(refusal('exists'));
        await expect(placeUnder('skip', 'd/l', 'two')).rejects.toThrow(refusal('exists'));
        expect(await placeUnder('skip', 'd/l', 'one')).toEqual({ as: 'd/l', already: true });
        expect(await placeUnder('rename', 'd/l', 'two')).toEqual({ as: 'd/l (1)' });
        expect(await contract.readTarget(store, 'd/l')).toBe('one');
        expect(await placeUnder('overwrite', 'd/l', 'three')).toEqual({ as: 'd/l' });
        expect(await contract.readTarget(store, 'd/l')).toBe('three');
        await sink.place(offerDirectory('d/e'));
        await expect(placeUnder('overwrite', 'd/e', 'x')).rejects.toThrow(refusal('exists'));
        expect(await contract.readNames(store)).toEqual(['d', 'd/e', 'd/l', 'd/l (1)']);
      });
    });

    it('refuses a kind in the wrong place', async () => {
      const { sink } = await start();
      await expect(sink.open(offerDirectory('d'))).rejects.toThrow(refusal('unsupported'));
      await expect(sink.place(offerFile('f', 1))).rejects.toThrow(refusal('unsupported'));
    });
  });
}
