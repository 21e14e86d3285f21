import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open as openHandle,
  readFile,
  readdir,
  truncate,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import type { Sink } from '../../src/core/sink.js';
import type { Source } from '../../src/core/source.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import { receiveSession } from '../../src/session/receive/receiver.js';
import { createFileSink, type ConflictPolicy } from '../../src/storage/inbox/file-sink.js';
import { createFileSource } from '../../src/storage/source/file-source.js';
import { makeContent, tempDir } from '../support/folders.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { pool, greetAs, runReceiver, runSender, tamperWith } from '../support/session.js';
import { createMemorySink, type MemoryEntry } from '../support/memory-sink.js';
import { createMemoryDirectory, createMemorySource } from '../support/memory-source.js';

const BLOCKS = 12;
const SIZE = BLOCKS * BLOCK_BYTES - 7;
const content = makeContent(SIZE, 5);

/** The folders of the running test in which senders keep digests. */
const stateDirs: string[] = [];

/** The journals of senders that this process has open. */
function findOpenJournals(): string[] {
  // Only Linux tells.
  if (!existsSync('/proc/self/fd')) return [];
  const paths = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return paths.filter((path) => stateDirs.some((dir) => path.startsWith(dir)));
}

// Whatever way a transfer has ended. A descriptor that is left to the garbage collection ends the process on newer versions of Node.
afterEach(() => {
  const open = findOpenJournals();
  stateDirs.length = 0;
  expect(open).toEqual([]);
});

async function setUp() {
  const dir = await tempDir();
  const file = join(await tempDir(), 'film');
  await writeFile(file, content);
  const stateDir = await tempDir();
  stateDirs.push(stateDir);
  const openSource = async () =>
    createFileSource({ file, path: 'film', stats: await lstat(file, { bigint: true }) }, stateDir);
  return { dir, file, stateDir, openSource, received: join(dir, 'film') };
}

interface Sent {
  readonly blocks: number;
  readonly read: number;
  readonly stored: boolean;
}

/** Sends until `breakAfter` blocks have left; counts those that left, and those that were read of the first source. */
async function sendOnce(
  dir: string,
  source: Source,
  breakAfter = Infinity,
  more: readonly Source[] = [],
  onConflict: ConflictPolicy = 'rename',
): Promise<Sent> {
  const [left, right] = connectionPair();
  let blocks = 0;
  let read = 0;
  const connection = tamperWith(left, (part) => {
    if (part.length > 1000 && ++blocks >= breakAfter) setImmediate(() => left.destroy(lost()));
    return [part];
  });
  const counting: Source = {
    ...source,
    async *blocks(from) {
      for await (const block of source.blocks(from)) {
        read += 1;
        yield block;
      }
    },
  };
  const sink: Sink = createFileSink({ dir, isKnown: true, onConflict, maxSize: Infinity, peer: 'peer' });
  const receiver = runReceiver(right, { ...createMemorySink(), ...sink });
  const sender = runSender(connection, [counting, ...more]);
  const result = await sender.result;
  await receiver.result;
  return { blocks, read, stored: 'stored' in result && result.stored === 1 + more.length };
}

describe('a part that somebody has touched between two attempts', () => {
  async function breakOff() {
    const set = await setUp();
    expect((await sendOnce(set.dir, await set.openSource(), 7)).stored).toBe(false);
    const names = await readdir(set.dir);
    const part = join(
      set.dir,
      names.find((name) => name.endsWith('.part'))!,
    );
    return { ...set, part, journal: part.replace(/part$/, 'journal') };
  }

  /** Writes over 8 bytes of a block, and puts size and time back. */
  async function alter(part: string, offset: number): Promise<void> {
    const { atime, mtime } = await lstat(part);
    const handle = await openHandle(part, 'r+');
    await handle.write(Buffer.from('altered!'), 0, 8, offset);
    await handle.close();
    await utimes(part, atime, mtime);
  }

  it.each([
    ['in its first block', [3]],
    ['in several blocks', [BLOCK_BYTES + 5, 3 * BLOCK_BYTES]],
    ['in the last byte that is sure to be there', [4 * BLOCK_BYTES - 8]],
  ])('%s is stored as the sender has it', async (_, offsets) => {
    const { dir, openSource, received, part } = await breakOff();
    for (const offset of offsets) await alter(part, offset);
    const again = await sendOnce(dir, await openSource());
    expect(again.stored).toBe(true);
    expect((await readFile(received)).equals(content)).toBe(true);
    expect(await readdir(dir)).toEqual(['film']);
    // Only what was altered is sent again.
    expect(again.blocks).toBeLessThanOrEqual(BLOCKS - 5 + offsets.length);
  });

  it('is looked at again when the next attempt breaks off too', async () => {
    const { dir, openSource, received, part } = await breakOff();
    await alter(part, 3);
    await sendOnce(dir, await openSource(), 2);
    expect((await sendOnce(dir, await openSource())).stored).toBe(true);
    expect((await readFile(received)).equals(content)).toBe(true);
  });

  it('costs nothing when it was only copied back, and has another inode and time', async () => {
    const { dir, openSource, received, part } = await breakOff();
    const copy = await readFile(part);
    await unlink(part);
    await writeFile(part, copy);
    const again = await sendOnce(dir, await openSource());
    expect(again.blocks).toBeLessThanOrEqual(BLOCKS - 5);
    expect((await readFile(received)).equals(content)).toBe(true);
  });

  it.skipIf(process.getuid?.() !== 0).each(['part', 'journal'])(
    'and whose %s belongs to another user is not gone on with',
    async (kind) => {
      const { dir, openSource, received, part } = await breakOff();
      await chown(part.replace(/part$/, kind), 65534, 65534);
      const again = await sendOnce(dir, await openSource());
      expect(again.blocks).toBe(BLOCKS);
      expect((await readFile(received)).equals(content)).toBe(true);
    },
  );

  it('is read again when its journal has no word of how it was left, as after a kill', async () => {
    const { dir, openSource, received, part, journal } = await breakOff();
    const records = await readFile(journal);
    // The last record tells how the part was left.
    await truncate(journal, records.length - 24);
    await alter(part, BLOCK_BYTES);
    const again = await sendOnce(dir, await openSource());
    expect(again.blocks).toBeLessThanOrEqual(BLOCKS - 4);
    expect((await readFile(received)).equals(content)).toBe(true);
  });
});

describe('a transfer that broke off', () => {
  it('goes on where it stopped, and neither sends nor reads again what is there', async () => {
    const { dir, openSource, received } = await setUp();
    const first = await sendOnce(dir, await openSource(), 5);
    expect(first.stored).toBe(false);
    const second = await sendOnce(dir, await openSource());
    expect(second.stored).toBe(true);
    expect(first.blocks + second.blocks).toBeLessThanOrEqual(BLOCKS + 1);
    expect(second.read).toBeLessThanOrEqual(BLOCKS - 3);
    expect((await readFile(received)).equals(content)).toBe(true);
    expect(await readdir(dir)).toEqual(['film']);
  });

  it('goes on as often as it breaks', async () => {
    const { dir, openSource, received } = await setUp();
    let sent = 0;
    for (let stored = false; !stored;) {
      const part = await sendOnce(dir, await openSource(), 3);
      sent += part.blocks;
      stored = part.stored;
    }
    expect(sent).toBeLessThanOrEqual(BLOCKS + 8);
    expect((await readFile(received)).equals(content)).toBe(true);
  });

  it('is read again, but not sent again, by a sender that has lost its journal', async () => {
    const { dir, openSource, received } = await setUp();
    const first = await sendOnce(dir, { ...(await openSource()), journal: undefined } as unknown as Source, 5);
    const second = await sendOnce(dir, { ...(await openSource()), journal: undefined } as unknown as Source);
    expect(second).toMatchObject({ stored: true, read: BLOCKS });
    expect(first.blocks + second.blocks).toBeLessThanOrEqual(BLOCKS + 1);
    expect((await readFile(received)).equals(content)).toBe(true);
  });

  it.each([
    ['with a journal', {}],
    ['without a journal', { journal: undefined }],
  ])('costs a changed block and no more, where size and time are the same, %s', async (_, other) => {
    const { dir, file, openSource, received } = await setUp();
    const { mtime } = await lstat(file);
    await utimes(file, mtime, mtime);
    const first = await sendOnce(dir, { ...(await openSource()), ...other } as Source, 6);
    const changed = Buffer.from(content);
    changed[BLOCK_BYTES + 3]! ^= 1;
    await writeFile(file, changed);
    await utimes(file, mtime, mtime);
    const second = await sendOnce(dir, { ...(await openSource()), ...other } as Source);
    expect(second.stored).toBe(true);
    expect(first.blocks + second.blocks).toBeLessThanOrEqual(BLOCKS + 2);
    expect((await readFile(received)).equals(changed)).toBe(true);
  });

  it('begins anew when the file was changed', async () => {
    const { dir, file, openSource, received } = await setUp();
    await sendOnce(dir, await openSource(), 6);
    const changed = makeContent(SIZE, 6);
    await writeFile(file, changed);
    await utimes(file, 1, 1);
    expect(await sendOnce(dir, await openSource())).toMatchObject({ stored: true, blocks: BLOCKS });
    expect((await readFile(received)).equals(changed)).toBe(true);
  });
});

describe('a folder whose transfer broke off', () => {
  const time = 1_500_000_000_000_000_000n;
  const folder = createMemoryDirectory('tree', { mode: 0o750, mtimeNs: time });

  async function describeFolder(dir: string) {
    const { mode, mtimeNs } = await lstat(join(dir, 'tree'), { bigint: true });
    return { mode: Number(mode & 0o777n), hasItsTime: mtimeNs === time };
  }

  it('is private until the transfer is resumed, and then gets its permissions and time', async () => {
    const { dir, openSource } = await setUp();
    const film = await openSource();
    const inTree = { ...film, entry: { ...film.entry, path: 'tree/film' } };
    expect(await sendOnce(dir, inTree, 5, [folder])).toMatchObject({ stored: false });
    expect(await describeFolder(dir)).toEqual({ mode: 0o700, hasItsTime: false });
    expect(await sendOnce(dir, inTree, Infinity, [folder])).toMatchObject({ stored: true });
    expect(await describeFolder(dir)).toEqual({ mode: 0o750, hasItsTime: true });
  });

  it('gets the permissions of any new folder when its sender never offers it', async () => {
    const { dir } = await setUp();
    await mkdir(join(dir, 'usual'));
    const usual = (await lstat(join(dir, 'usual'))).mode;
    expect(await sendOnce(dir, createMemorySource('tree/x', Buffer.from('1')))).toMatchObject({ stored: true });
    expect((await lstat(join(dir, 'tree'))).mode).toBe(usual);
  });

  it('stays private when the connection ends between two entries, without a goodbye', async () => {
    const { dir } = await setUp();
    const [left, right] = connectionPair();
    const sink: Sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'peer' });
    const receiver = runReceiver(right, { ...createMemorySink(), ...sink });
    const sender = await greetAs('sender', left);
    const entry = { path: 'tree/l', kind: 'symlink', size: 0, mtimeNs: time, mode: 0o777, target: 'x' } as const;
    await sender.send({ type: 'offer', id: 1, entry });
    expect(await sender.receive()).toMatchObject({ type: 'stored' });
    left.end();
    await receiver.result;
    expect(await describeFolder(dir)).toMatchObject({ mode: 0o700 });
  });
});

describe('the journal of a sender', () => {
  it('is gone once the file is stored', async () => {
    const { dir, openSource, stateDir } = await setUp();
    await sendOnce(dir, await openSource(), 5);
    expect(await readdir(join(stateDir, 'digests'))).toHaveLength(1);
    await sendOnce(dir, await openSource());
    expect(await readdir(join(stateDir, 'digests'))).toEqual([]);
  });

  it('is gone once the receiver has had the file already, and nothing was read', async () => {
    const { openSource, stateDir } = await setUp();
    const ofKilled = (await openSource()).journal!;
    ofKilled.note(0, 1n);
    await ofKilled.save();
    expect(await readdir(join(stateDir, 'digests'))).toHaveLength(1);
    await (await openSource()).journal!.remove();
    expect(await readdir(join(stateDir, 'digests'))).toEqual([]);
  });

  it('of the file as it was before a change adds nothing to that of the file as it is now', async () => {
    const { file, openSource } = await setUp();
    const before = (await openSource()).journal!;
    before.note(0, 1n);
    await before.save();
    await chmod(file, 0o600);
    const now = (await openSource()).journal!;
    now.note(0, 2n);
    await now.save();
    before.note(0, 3n);
    await before.save();
    const later = (await openSource()).journal!;
    expect(await later.load()).toEqual([2n]);
    await later.save();
  });

  it('that cannot be written costs only a second reading of the file', async () => {
    const { dir, file, openSource, received } = await setUp();
    const stats = await lstat(file, { bigint: true });
    const source = () => createFileSource({ file, path: 'film', stats }, '/dev/null/nowhere');
    await sendOnce(dir, source(), 5);
    expect(await sendOnce(dir, source())).toMatchObject({ stored: true, read: BLOCKS });
    expect((await readFile(received)).equals(content)).toBe(true);
    expect((await openSource()).journal).toBeDefined();
  });
});

describe('a file that is there already', () => {
  it('with the same size, time and content is not sent again', async () => {
    const { dir, openSource } = await setUp();
    await sendOnce(dir, await openSource());
    expect(await sendOnce(dir, await openSource())).toMatchObject({ stored: true, blocks: 0 });
    expect(await readdir(dir)).toEqual(['film']);
  });

  it('with other content of the same size and time stays, and the new file gets another name', async () => {
    const { dir, file, openSource, received } = await setUp();
    await writeFile(received, makeContent(SIZE, 9));
    const { mtime } = await lstat(file);
    await utimes(file, mtime, mtime);
    await utimes(received, mtime, mtime);
    expect(await sendOnce(dir, await openSource())).toMatchObject({ stored: true, blocks: BLOCKS });
    expect((await readFile(join(dir, 'film (1)'))).equals(content)).toBe(true);
    expect((await readFile(received)).equals(makeContent(SIZE, 9))).toBe(true);
  });
});

describe('a file that is there already with other content, beside the part of one that broke off', () => {
  it.each([
    ['rename', 'film (1)'],
    ['overwrite', 'film'],
  ] as const)('%s begins anew', async (onConflict, name) => {
    const { dir, file, openSource, received } = await setUp();
    const { mtime } = await lstat(file);
    await utimes(file, mtime, mtime);
    expect(await sendOnce(dir, await openSource(), 5)).toMatchObject({ stored: false });
    await writeFile(received, makeContent(SIZE, 9));
    await utimes(received, mtime, mtime);
    expect(await sendOnce(dir, await openSource(), Infinity, [], onConflict)).toMatchObject({
      stored: true,
      blocks: BLOCKS,
    });
    expect((await readFile(join(dir, name))).equals(content)).toBe(true);
  });
});

it('a small file that failed is removed before its failure is told', async () => {
  const { dir } = await setUp();
  const [left, right] = connectionPair();
  const seen: string[][] = [];
  const result = receiveSession(right, {
    session: 1,
    bringer: { kind: 'none', address: '192.0.2.1' },
    sink: createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'peer' }),
    pool,
    limits: { offers: 1, size: 2 ** 40 },
    timeouts: DEFAULT_TIMEOUTS,
    signal: new AbortController().signal,
    onEvent: ({ type }) => {
      if (type === 'progress') left.destroy(lost());
      if (type === 'failed') seen.push(readdirSync(dir));
    },
  });
  await runSender(left, [createMemorySource('film', makeContent(7 * BLOCK_BYTES))]).result;
  expect(await result).toMatchObject({ failed: 1 });
  expect(seen).toEqual([[]]);
});

describe('a comparison', () => {
  it('counts as work for its sender, block by block', async () => {
    const [left, right] = connectionPair();
    const content = new Uint8Array(3 * BLOCK_BYTES);
    const entries: Map<string, MemoryEntry> = new Map([['film', { kind: 'file', content, mode: 0o644, mtimeNs: 0n }]]);
    let work = 0;
    const result = receiveSession(right, {
      session: 1,
      bringer: { kind: 'none', address: '192.0.2.1' },
      sink: createMemorySink({ entries }),
      pool,
      limits: { offers: 1, size: 2 ** 40 },
      timeouts: DEFAULT_TIMEOUTS,
      signal: new AbortController().signal,
      onUse: () => (work += 1),
    });
    expect(await runSender(left, [createMemorySource('film', content)]).result).toMatchObject({ stored: 1 });
    expect(await result).toMatchObject({ stored: 1 });
    // The list, the offer, three blocks, and the end.
    expect(work).toBeGreaterThanOrEqual(3);
  });

  it('stops reading when its entry has ended', async () => {
    const content = new Uint8Array(2 * BLOCK_BYTES);
    let blocks = 0;
    const receiver = { ...createMemorySink() };
    let leave: () => void = () => undefined;
    const sink: Sink = {
      ...receiver,
      open: () =>
        Promise.resolve({
          state: 'present',
          id: 'film',
          receiveFirst: () => Promise.reject(new Error('nobody asks for this')),
          accept: () => undefined,
          as: 'film',
          async *blocks() {
            for (; blocks < 1000; blocks++) {
              if (blocks === 3) leave();
              await new Promise(setImmediate);
              yield content.subarray(0, BLOCK_BYTES);
            }
          },
        }),
    };
    const [left, right] = connectionPair();
    leave = () => left.destroy(lost());
    const run = runReceiver(right, { ...receiver, ...sink });
    const source = createMemorySource('film', content);
    void runSender(left, [source]).result;
    expect(await run.result).toMatchObject({ stored: 0, failed: 1 });
    expect(blocks).toBeLessThan(1000);
  });
});
