/** Packs of small files, as the receiver takes them: what is stored together, what goes singly, and the answers. */
import { describe, expect, it } from 'vitest';
import { FtxError } from '../../../src/core/errors.js';
import type { PresentFile, WholeFile } from '../../../src/core/sink.js';
import {
  createMemorySink,
  type MemoryEntry,
  type MemorySink,
  type MemorySinkOptions,
} from '../../support/memory-sink.js';
import { createCountingPool, playPackSender } from '../../support/pack-sender.js';
import { packFrame, type PackedFile } from '../../support/packs.js';

const fileOf = (content: string, mtimeNs = 0n): MemoryEntry => ({
  kind: 'file',
  content: Uint8Array.from(Buffer.from(content)),
  mode: 0o644,
  mtimeNs,
});
const many = (count: number, from = 0) => Array.from({ length: count }, (_, number) => ({ path: `f${from + number}` }));
/** Too large for anything but pooled memory. */
const large = () => [0, 1, 2].map((number) => ({ path: `large ${number}`, content: Buffer.alloc(40_000, number) }));

/** Sinks that store small files together, sinks that do not, and a receiver without memory for a pack. */
const ways = [
  ['together', true, 4],
  ['singly', false, 4],
  ['in portions, together', true, 0],
  ['in portions, singly', false, 0],
] as const;

describe.each(ways)('files of a pack that are stored %s', (_, storesTogether, blocks) => {
  const play = (options: MemorySinkOptions = {}, entries: Readonly<Record<string, MemoryEntry>> = {}) =>
    playPackSender({
      sink: createMemorySink({ ...options, storesTogether, entries: new Map(Object.entries(entries)) }),
      pool: createCountingPool(blocks),
    });

  it('are all stored under their own paths, with one last answer', async () => {
    const sender = await play();
    const files: PackedFile[] = [
      { path: 'a' },
      { path: 'empty', content: '' },
      { path: 'deep/er/b' },
      ...large(),
      ...many(300),
    ];
    await sender.sendPack(1, files);
    const answers = await sender.answersTo('packed');
    expect(answers.at(-1)).toMatchObject({ type: 'packed', id: 1, durable: true, shares: {} });
    const single = answers.slice(0, -1).sort((one, other) => one.id - other.id);
    const expected = files.map(({ path: as }, number) => ({ type: 'stored', id: 1 + number, as }));
    expect(single).toMatchObject(storesTogether ? [] : expected);
    for (const { path, content = path } of files) expect(sender.textOf(path)).toBe(content.toString());
    expect(await sender.sayGoodbye()).toMatchObject({ stored: files.length, refused: 0, failed: 0 });
    expect(sender.eventsOf('deep/er/b')).toEqual(['offered', 'stored']);
    const event = sender.events.find((each) => each.type === 'stored' && each.path === 'a');
    expect(event).toMatchObject({ as: 'a', size: 1, digest: 'd24ec4f1a98c6e5b', already: false, durable: true });
    expect(sender.pool.lent()).toBe(0);
  });

  it('come in several packs, between offers', async () => {
    const sender = await play();
    await sender.sendPack(1, many(3));
    await sender.channel.send({
      ...{ type: 'offer', id: 4 },
      entry: { path: 'd', kind: 'directory', size: 0, mtimeNs: 0n, mode: 0o755 },
    });
    await sender.sendPack(5, many(2, 3));
    await sender.sendPack(7, many(2, 5));
    for (let packs = 0; packs < 3; packs += 1) await sender.answersTo('packed');
    expect(await sender.sayGoodbye()).toMatchObject({ stored: 8 });
  });

  it('get another name where theirs is taken, and the sender is told', async () => {
    const sender = await play({}, { b: fileOf('other') });
    await sender.sendPack(10, [{ path: 'a' }, { path: 'b' }, { path: 'c' }]);
    expect(await sender.answersTo('packed')).toContainEqual(
      expect.objectContaining({ type: 'stored', id: 11, as: 'b (1)', already: false }),
    );
    expect([sender.textOf('b'), sender.textOf('b (1)')]).toEqual(['other', 'b']);
  });

  it('are left where the same file is there already, as a stranger finds out too', async () => {
    for (const isKnown of [true, false]) {
      const sender = await play({ isKnown }, { b: fileOf('b') });
      await sender.sendPack(1, [{ path: 'a' }, { path: 'b' }, { path: 'c' }]);
      expect(await sender.answersTo('packed')).toContainEqual(
        expect.objectContaining({ type: 'stored', id: 2, as: 'b', already: true }),
      );
      expect(await sender.sayGoodbye()).toMatchObject({ stored: 3 });
      expect([...sender.sink.entries.keys()].sort()).toEqual(['a', 'b', 'c']);
    }
  });

  it('stand beside a file of the same size and time with other content, without a question to the sender', async () => {
    const sender = await play({}, { b: fileOf('x') });
    await sender.sendPack(1, [{ path: 'a' }, { path: 'b' }]);
    const answers = await sender.answersTo('packed');
    expect(answers).toContainEqual(expect.objectContaining({ type: 'stored', id: 2, as: 'b (1)' }));
    expect(answers.map(({ type }) => type)).not.toContain('ready');
  });

  it.each(['skip', 'fail'] as const)('are refused where the name is taken, with %s', async (onConflict) => {
    const entries = { same: fileOf('same'), other: fileOf('thing'), else: fileOf('longer') };
    const sender = await play({ onConflict }, entries);
    await sender.sendPack(1, [{ path: 'same' }, { path: 'other' }, { path: 'else' }, { path: 'new' }]);
    const answers = await sender.answersTo('packed');
    expect(answers.find(({ id }) => id === 1)).toMatchObject({ type: 'stored', already: true });
    for (const id of [2, 3]) expect(answers.find((answer) => answer.id === id)).toMatchObject({ code: 'exists' });
    expect(await sender.sayGoodbye()).toMatchObject({ stored: 2, refused: 2 });
    expect(sender.sink.parts.size).toBe(0);
  });

  it('replace what is there, with overwrite', async () => {
    const sender = await play({ onConflict: 'overwrite' }, { b: fileOf('x'), c: fileOf('longer') });
    await sender.sendPack(1, [{ path: 'a' }, { path: 'b' }, { path: 'c' }]);
    await sender.answersTo('packed');
    expect(['a', 'b', 'c'].map(sender.textOf)).toEqual(['a', 'b', 'c']);
  });

  it.each<[string, string, string]>([
    ['bad-name', '../b', 'b'],
    ['bad-name', 'x/../../b', 'b'],
    ['bad-name', 'b'.repeat(4500), 'b'],
    ['bad-parent', 'there/b', 'b'],
    ['too-large', 'b', 'b'.repeat(2000)],
  ])('are refused one by one (%s)', async (code, path, content) => {
    const sender = await play({ maxSize: 1000 }, { there: fileOf('there') });
    await sender.sendPack(1, [{ path: 'a' }, { path, content }, { path: 'c' }]);
    expect(await sender.answersTo('packed')).toContainEqual(expect.objectContaining({ type: 'refused', id: 2, code }));
    expect([...sender.sink.entries.keys()].sort()).toEqual(['a', 'c', 'there']);
    expect(sender.eventsOf(path)).toEqual(['offered', 'refused']);
    expect(await sender.sayGoodbye()).toMatchObject({ stored: 2, refused: 1 });
  });

  it('may have the same path: the later one comes after the earlier one', async () => {
    const same = ['1', '2', '3'].map((content) => ({ path: 'same', content }));
    const renaming = await play();
    await renaming.sendPack(1, same);
    await renaming.answersTo('packed');
    expect(['same', 'same (1)', 'same (2)'].map(renaming.textOf)).toEqual(['1', '2', '3']);
    const overwriting = await play({ onConflict: 'overwrite' });
    await overwriting.sendPack(1, same);
    await overwriting.answersTo('packed');
    expect(overwriting.textOf('same')).toBe('3');
  });

  it.each([
    ['the first', 0],
    ['one in the middle', 2],
    ['the last', 4],
  ])('come again from %s that is damaged on, and the session goes on', async (_what, damaged) => {
    for (const at of ['lengths', 'head', 'content', 'digest']) {
      const sender = await play();
      const files = [{ path: 'a' }, { path: 'b' }, { path: 'c' }, { path: 'd' }, { path: 'e' }].map((file, number) => {
        const spoil = (bytes: Uint8Array) => {
          const place = { lengths: 1, head: 20, content: bytes.length - 9, digest: bytes.length - 1 }[at]!;
          bytes[place]! ^= 1;
        };
        return number === damaged ? { ...file, spoil } : file;
      });
      await sender.sendPack(1, files);
      const answers = await sender.answersTo('packed');
      expect(answers).toContainEqual({ type: 'again', id: 1 + damaged, offset: 0 });
      expect(answers.at(-1)).toMatchObject({ type: 'packed', id: 1 });
      await sender.sendPack(
        6,
        files.slice(damaged).map(({ path }) => ({ path })),
      );
      expect((await sender.answersTo('packed')).map(({ type }) => type)).not.toContain('again');
      expect(await sender.sayGoodbye()).toMatchObject({ stored: 5, failed: 0, refused: 0 });
      expect(sender.pool.lent()).toBe(0);
    }
  });

  it('end the session with the offer after one too many', async () => {
    const sink = createMemorySink({ storesTogether: false });
    const full = { ...sink, open: () => Promise.reject(new FtxError('too-many', 'These are too many.')) };
    const sender = await playPackSender({ sink: full, pool: createCountingPool(blocks) });
    await sender.sendPack(1, many(3));
    expect(await sender.answersTo('packed')).toHaveLength(4);
    await sender.sendPack(4, many(3));
    expect(await sender.answersTo('error')).toMatchObject([{ type: 'error', id: 0, code: 'too-many' }]);
    expect(await sender.result).toMatchObject({ refused: 3 });
  });

  it('fail one by one while the disk is full', async () => {
    const sink = createMemorySink({ storesTogether: false });
    const full = {
      ...sink,
      async open(...offered: Parameters<typeof sink.open>) {
        const part = await sink.open(...offered);
        const isFull = part.state === 'part' && offered[0].path === 'b';
        return isFull ? { ...part, write: () => Promise.reject(new FtxError('no-space', 'The disk is full.')) } : part;
      },
    };
    const sender = await playPackSender({ sink: full, pool: createCountingPool(blocks) });
    await sender.sendPack(1, [{ path: 'a' }, { path: 'b' }, { path: 'c' }, ...large()]);
    expect(await sender.answersTo('packed')).toContainEqual(
      expect.objectContaining({ type: 'error', id: 2, code: 'no-space' }),
    );
    expect(await sender.sayGoodbye()).toMatchObject({ stored: 5, failed: 1 });
    expect([sender.sink.parts.size, sender.pool.lent()]).toEqual([0, 0]);
  });

  it('that the sender has brought before are told to be there', async () => {
    const sink = createMemorySink({ storesTogether: false });
    const pins: unknown[] = [];
    const knowing = {
      ...sink,
      open: (...[offer, vouched]: Parameters<typeof sink.open>) => {
        pins.push(vouched?.pin);
        return vouched?.pin === undefined
          ? sink.open(offer, vouched)
          : Promise.resolve({ state: 'delivered', as: 'there', digest: '26c7827d889f6da3' } as const);
      },
    };
    const sender = await playPackSender({ sink: knowing, pool: createCountingPool(blocks) });
    await sender.sendPack(1, [{ path: 'a' }, { path: 'b', content: 'hello', pin: 'f'.repeat(32) }]);
    expect(await sender.answersTo('packed')).toContainEqual(
      expect.objectContaining({ type: 'stored', id: 2, as: 'there', already: true, digest: '26c7827d889f6da3' }),
    );
    expect(pins).toEqual([undefined, 'f'.repeat(32)]);
  });
});

it('a receiver says that it takes packs', async () => {
  expect((await playPackSender()).hello?.capabilities).toContain('packs');
});

it('a file that is there is accepted by its content, of which the sender need not prove anything', async () => {
  const accepted: string[] = [];
  const sink = createMemorySink({ entries: new Map([['a', fileOf('hello')]]) });
  const open = async (...offered: Parameters<typeof sink.open>) => {
    const target = await sink.open(...offered);
    expect(target.state).toBe('present');
    return { ...(target as PresentFile), accept: (digest: string) => void accepted.push(digest) };
  };
  const sender = await playPackSender({ sink: { ...sink, open } });
  await sender.sendPack(1, [{ path: 'a', content: 'hello' }]);
  expect(await sender.answersTo('packed')).toMatchObject([{ type: 'stored', already: true }, { type: 'packed' }]);
  expect(accepted).toEqual(['26c7827d889f6da3']);
});

it('a pack is told to be stored without a promise where the sink makes none', async () => {
  const sender = await playPackSender({ sink: { ...createMemorySink({ storesTogether: true }), isDurable: false } });
  await sender.sendPack(1, [{ path: 'a' }]);
  expect(await sender.answersTo('packed')).toMatchObject([{ type: 'packed', id: 1, durable: false }]);
});

it('a pack that a sink fails to store is never told to be stored', async () => {
  const storeTogether = () => Promise.reject(new FtxError('io', 'A bug.'));
  const sender = await playPackSender({ sink: { ...createMemorySink(), storeTogether } });
  await sender.sendPack(1, [{ path: 'a' }]);
  await expect(sender.channel.receive())
    .rejects.toMatchObject({ code: 'lost' })
    .catch(() => undefined);
  expect((await sender.result).firstFailure).toMatchObject({ code: 'io' });
});

it('bytes of a pack may come in any pieces', async () => {
  const sender = await playPackSender({ sink: createMemorySink({ storesTogether: true }) });
  const frame = packFrame(1, many(5));
  for (const byte of frame.keys()) await sender.write(frame.subarray(byte, byte + 1));
  await sender.answersTo('packed');
  expect(await sender.sayGoodbye()).toMatchObject({ stored: 5 });
});

it('the sink gets all that the sender has told of the files of a pack', async () => {
  const sink = createMemorySink();
  const given: WholeFile[] = [];
  const storeTogether: MemorySink['storeTogether'] = (files) => {
    given.push(...files.map((file) => ({ ...file, content: Uint8Array.from(file.content) })));
    return Promise.resolve(files.map(({ offer }) => ({ as: offer.path })));
  };
  const transfer = '1'.repeat(32);
  const sender = await playPackSender({ sink: { ...sink, storeTogether }, transfer });
  const entry = { mtimeNs: 1_700_000_000_123_456_789n, mode: 0o600, allocated: 0 };
  await sender.sendPack(1, [
    { path: 'a', content: 'hello', pin: 'f'.repeat(32), entry },
    { path: 'b', content: '' },
  ]);
  await sender.answersTo('packed');
  expect(given).toEqual([
    {
      offer: { path: 'a', kind: 'file', size: 5, ...entry },
      vouched: { canProve: true, pin: 'f'.repeat(32), transfer },
      content: Uint8Array.from(Buffer.from('hello')),
      digest: '26c7827d889f6da3',
    },
    expect.objectContaining({
      vouched: { canProve: true, pin: undefined, transfer },
      content: new Uint8Array(),
      digest: 'ef46db3751d8e999',
    }),
  ]);
});

it('a file that a sink has stored together with others, but somewhere else, is told of by itself', async () => {
  const sink = createMemorySink();
  const storeTogether = () => Promise.resolve([{ as: 'a' }, { as: 'b (1)' }, { as: 'c', already: true }]);
  const sender = await playPackSender({ sink: { ...sink, storeTogether } });
  await sender.sendPack(1, [{ path: 'a' }, { path: 'b' }, { path: 'c' }]);
  expect(await sender.answersTo('packed')).toMatchObject([
    { type: 'stored', id: 2, as: 'b (1)', already: false },
    { type: 'stored', id: 3, as: 'c', already: true },
    { type: 'packed', id: 1 },
  ]);
});

it('a file that a sink could not store together with others for good fails, and is not tried by itself', async () => {
  const sink = createMemorySink();
  const storeTogether = () => Promise.resolve([{ as: 'a' }, new FtxError('io', 'b: the disk has failed.')]);
  let opened = 0;
  const open: MemorySink['open'] = (...offered) => ((opened += 1), sink.open(...offered));
  const sender = await playPackSender({ sink: { ...sink, open, storeTogether } });
  await sender.sendPack(1, [{ path: 'a' }, { path: 'b' }]);
  expect(await sender.answersTo('packed')).toMatchObject([
    { type: 'error', id: 2, code: 'io', message: 'b: the disk has failed.' },
    { type: 'packed', id: 1 },
  ]);
  expect(opened).toBe(0);
});

it('files of the same path come one after the other, however long the first of them takes', async () => {
  const sink = createMemorySink({ onConflict: 'overwrite' });
  let commits = 0;
  const open = async (...offered: Parameters<typeof sink.open>) => {
    const part = await sink.open(...offered);
    if (part.state !== 'part') return part;
    const isFirst = (commits += 1) === 1;
    const commit: typeof part.commit = async (...end) => {
      for (let turn = 0; isFirst && turn < 10; turn += 1) await new Promise(setImmediate);
      return part.commit(...end);
    };
    return { ...part, commit };
  };
  const sender = await playPackSender({ sink: { ...sink, open } });
  await sender.sendPack(1, [
    { path: 'a', content: 'first' },
    { path: 'a', content: 'second' },
  ]);
  await sender.answersTo('packed');
  expect(sender.textOf('a')).toBe('second');
});
