/** Packs of senders that break the rules, send slowly, read no answers, or leave in the middle. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { digestBlock } from '../../../src/core/checksum.js';
import type { Entry } from '../../../src/core/entry.js';
import { encodeControl } from '../../../src/protocol/codec.js';
import {
  DEFAULT_TIMEOUTS,
  HEADER_BYTES,
  MAX_PACK_CONTENT_BYTES,
  MAX_PACK_ENTRIES,
  PACK_PREFIX_BYTES,
} from '../../../src/protocol/constants.js';
import type { ControlMessage } from '../../../src/protocol/messages.js';
import { lost } from '../../support/memory-connection.js';
import { createMemorySink, type MemorySink } from '../../support/memory-sink.js';
import { createCountingPool, playPackSender, type PackSenderOptions } from '../../support/pack-sender.js';
import { entryBytes, frameOf, packFrame, type PackedFile } from '../../support/packs.js';

afterEach(() => void vi.useRealTimers());

type Sender = Awaited<ReturnType<typeof playPackSender>>;

const filesOf = (count: number) => Array.from({ length: count }, (_, number) => ({ path: `f${number}` }));
const A: Entry = { path: 'z', kind: 'file', size: 1, mtimeNs: 0n, mode: 0o644 };

/** A sink in which nothing is over before the test says so. */
function createGatedSink(sink: MemorySink = createMemorySink({ storesTogether: true })) {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const storeTogether: MemorySink['storeTogether'] = (files, signal) =>
    gate.then(() => sink.storeTogether!(files, signal));
  return { ...sink, storeTogether, release: () => open() };
}

/** Resolves when it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

/** The ways in which a pack is read: in memory of its own, in pooled memory, and in portions. */
const ways: readonly [string, PackedFile[], number][] = [
  ['small', [], 4],
  [
    'large',
    [
      { path: 'large 1', content: Buffer.alloc(60_000) },
      { path: 'large 2', content: Buffer.alloc(60_000) },
    ],
    4,
  ],
  ['read in portions', [{ path: 'large', content: Buffer.alloc(60_000) }, ...filesOf(200)], 0],
];

describe.each(ways)('a receiver ends the session of a sender whose pack, which is %s,', (_, more, blocks) => {
  const headOf = (json: object | string) => {
    const head = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
    const bytes = Buffer.alloc(6 + head.length + 1 + 8);
    bytes.writeUInt16BE(head.length, 0);
    bytes.writeUInt32BE(1, 2);
    head.copy(bytes, 6);
    bytes.writeBigUInt64BE(digestBlock(bytes.subarray(0, -8)), bytes.length - 8);
    return bytes;
  };
  const valid = { path: 'z', kind: 'file', size: '1', mtime: '0', mode: '644' };
  const frameWith = (...last: Uint8Array[]) =>
    frameOf(1, more.length + 1, Buffer.concat([...more.map(entryBytes), ...last]));

  it.each<[string, () => Uint8Array]>([
    ['offers a file of another size', () => frameWith(headOf({ ...valid, size: '2' }))],
    ['offers a file without a size', () => frameWith(headOf({ ...valid, size: undefined }))],
    ['offers a folder', () => frameWith(entryBytes({ path: 'd', content: '', entry: { kind: 'directory' } }))],
    ['offers a link', () => frameWith(entryBytes({ path: 'l', content: '', entry: { kind: 'symlink', target: 'x' } }))],
    ['has a head that is no JSON', () => frameWith(headOf('nothing'))],
    ['has a head that is no offer', () => frameWith(headOf({ path: 'z' }))],
    ['has a head that is not UTF-8', () => frameWith(headOf(JSON.stringify(valid)).fill(0xff, 8, 9))],
    ['has bytes after its last entry', () => frameWith(entryBytes({ path: 'z' }), Buffer.alloc(1))],
    ['has an entry too many', () => frameWith(entryBytes({ path: 'z' }), entryBytes({ path: 'y' }))],
    ['counts no entries', () => frameOf(1, 0, Buffer.alloc(9))],
    ['counts too many entries', () => frameOf(1, MAX_PACK_ENTRIES + 1, Buffer.alloc(9))],
  ])('%s', async (what, frame) => {
    const sender = await playPackSender({ pool: createCountingPool(blocks), sink: createMemorySink() });
    // The digest is that of the damaged head.
    const bytes = frame();
    if (what.includes('UTF-8')) {
      const last = bytes.subarray(bytes.length - headOf(JSON.stringify(valid)).length);
      Buffer.from(last.buffer, last.byteOffset).writeBigUInt64BE(digestBlock(last.subarray(0, -8)), last.length - 8);
    }
    await sender.write(bytes);
    expect((await sender.answersTo('error')).at(-1)).toMatchObject({ type: 'error', id: 0, code: 'protocol' });
    expect((await sender.result).firstFailure?.code).toBe('protocol');
    expect(sender.textOf('z')).toBeUndefined();
    expect([sender.sink.parts.size, sender.pool.lent()]).toEqual([0, 0]);
  });
});

describe('a receiver ends the session of a sender that', () => {
  const offer = (id: number): ControlMessage => ({ type: 'offer', id, entry: A });
  const check = (last: boolean): ControlMessage => ({ type: 'check', id: 0, entries: [A], last, dryRun: false });

  it.each<[string, (sender: Sender) => Promise<void>, PackSenderOptions?]>([
    [
      'sends a fifth pack',
      async ({ sendPack }) => {
        for (const id of [1, 2, 3, 4, 5]) await sendPack(id, [{ path: `f${id}` }]);
      },
    ],
    [
      'has more packs open than it may have offers',
      async ({ sendPack }) => {
        for (const id of [1, 2, 3]) await sendPack(id, [{ path: `f${id}` }]);
      },
      { offers: 2 },
    ],
    [
      'has more packs and offers open than it may',
      async ({ sendPack, channel }) => {
        for (const id of [1, 2]) await sendPack(id, [{ path: `f${id}` }]);
        await channel.send(offer(3));
      },
      { offers: 2 },
    ],
    [
      'offers an id of a pack again',
      async ({ sendPack, channel }) => {
        await sendPack(1, filesOf(3));
        await channel.send(offer(3));
      },
    ],
    [
      'sends packs whose ids overlap',
      async ({ sendPack }) => {
        await sendPack(1, filesOf(3));
        await sendPack(3, filesOf(3));
      },
    ],
    [
      'sends a pack with a lower id',
      async ({ sendPack }) => {
        await sendPack(9, filesOf(3));
        await sendPack(1, filesOf(3));
      },
    ],
    ['sends a pack with ids beyond the last', ({ sendPack }) => sendPack(2 ** 32 - 2, filesOf(3))],
    [
      'sends content of a file of a pack',
      async ({ sendPack, channel }) => {
        await sendPack(1, filesOf(3));
        const block = Buffer.from('x');
        await channel.sendBlock({ type: 'data', id: 2, offset: 0, digest: digestBlock(block), length: 1 }, block);
      },
    ],
    [
      'ends a file of a pack',
      async ({ sendPack, channel }) => {
        await sendPack(1, filesOf(3));
        await channel.send({ type: 'end', id: 2, digest: '0'.repeat(16), size: 2 });
      },
    ],
    [
      'sends a pack in the middle of a list',
      async ({ sendPack, channel }) => {
        await channel.send(check(false));
        await sendPack(1, filesOf(3));
      },
    ],
    [
      'sends a list after a pack',
      async ({ sendPack, channel }) => {
        await sendPack(1, filesOf(3));
        await channel.send(check(true));
      },
    ],
    ['answers a pack itself', ({ channel }) => channel.send({ type: 'packed', id: 1, durable: true })],
  ])('%s', async (_, attack, options) => {
    const sink = createGatedSink();
    const sender = await playPackSender({ ...options, sink });
    await attack(sender);
    expect((await sender.answersTo('error')).at(-1)).toMatchObject({ type: 'error', id: 0, code: 'protocol' });
    sink.release();
    // What was read whole is stored all the same.
    await sender.result;
    expect(sender.events.at(-1)).toMatchObject({ type: 'done' });
    expect(sender.events.filter(({ type }) => type === 'offered').length).toBe(sink.entries.size);
  });
});

it('a sender cannot give a file of a pack up', async () => {
  const sink = createGatedSink();
  const sender = await playPackSender({ sink });
  await sender.sendPack(1, filesOf(3));
  await sender.channel.send({ type: 'error', id: 2, code: 'changed', message: 'f1 changed' });
  await sender.sendPack(4, [{ path: 'more' }]);
  sink.release();
  for (let packs = 0; packs < 2; packs += 1) await sender.answersTo('packed');
  // Afterwards it is as with any other entry that is at its end.
  await sender.channel.send({ type: 'error', id: 2, code: 'changed', message: 'f1 changed' });
  expect(await sender.sayGoodbye()).toMatchObject({ stored: 4, failed: 0 });
});

it('entries that a pack counts and does not have come again', async () => {
  const sender = await playPackSender();
  await sender.write(packFrame(1, [{ path: 'a' }], 5));
  const answers = await sender.answersTo('packed');
  expect(answers).toContainEqual({ type: 'again', id: 2, offset: 0 });
  expect(answers.filter(({ type }) => type === 'again')).toHaveLength(1);
  expect(await sender.sayGoodbye()).toMatchObject({ stored: 1 });
});

it('an entry that says it is longer than any may be comes again, whatever follows it', async () => {
  for (const blocks of [0, 4]) {
    for (const [head, content] of [
      [0, 1],
      [8193, 1],
      [100, MAX_PACK_CONTENT_BYTES + 1],
      [0xffff, 0xffffffff],
    ] as const) {
      const sender = await playPackSender({ pool: createCountingPool(blocks) });
      const bytes = Buffer.alloc(200_000, 'x');
      bytes.writeUInt16BE(head, 0);
      bytes.writeUInt32BE(content, 2);
      await sender.write(frameOf(1, 3, Buffer.concat([entryBytes({ path: 'a' }), bytes])));
      expect(await sender.answersTo('packed')).toContainEqual({ type: 'again', id: 2, offset: 0 });
      expect(await sender.sayGoodbye()).toMatchObject({ stored: 1 });
    }
  }
});

it('a pack after a goodbye is not read', async () => {
  const sender = await playPackSender();
  await sender.raw.write([encodeControl({ type: 'goodbye', id: 0 }), packFrame(1, filesOf(3))]);
  await sender.answersTo('goodbye');
  expect(await sender.result).toMatchObject({ stored: 0, failed: 0 });
  expect(sender.sink.entries.size).toBe(0);
});

describe('files that are refused', () => {
  const refused = (count: number) =>
    Array.from({ length: count }, (_, number) => ({ path: `../${'x'.repeat(150)}${number}`, content: '' }));

  it('are no use of a session, nor is what is thrown away', async () => {
    for (const blocks of [0, 4]) {
      const sender = await playPackSender({
        pool: createCountingPool(blocks),
        sink: createMemorySink({ storesTogether: true }),
      });
      await sender.sendPack(1, refused(300));
      await sender.answersTo('packed');
      await sender.write(frameOf(301, 300, Buffer.alloc(500_000)));
      await sender.answersTo('packed');
      expect(sender.uses()).toBe(0);
      await sender.sendPack(601, [{ path: 'a' }]);
      await sender.answersTo('packed');
      expect(sender.uses()).toBe(1);
    }
  });

  it('do not pile up answers before a sender that reads none', async () => {
    const sender = await playPackSender({ pool: createCountingPool(4) });
    const told = () => sender.events.filter(({ type }) => type === 'refused').length;
    await sender.sendPack(1, refused(4000));
    await until(() => sender.events.length > 4000);
    let before = -1;
    while (told() > before) {
      before = told();
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    }
    expect(before).toBeLessThan(3500);
    expect(await sender.answersTo('packed')).toHaveLength(4001);
    expect(await sender.sayGoodbye()).toMatchObject({ refused: 4000 });
    expect(sender.pool.lent()).toBe(0);
  });

  it('are given up when the sender that reads none is left', async () => {
    const sender = await playPackSender();
    await sender.sendPack(1, refused(4000));
    await until(() => sender.events.length > 5000);
    sender.stop.abort(lost());
    const { refused: told, failed } = await sender.result;
    expect(told + failed).toBe(4000);
    expect(sender.pool.lent()).toBe(0);
  });
});

it('a session opens a bounded number of files of packs at the same time', async () => {
  const sink = createMemorySink();
  let [opening, most] = [0, 0];
  const open = async (...offered: Parameters<typeof sink.open>) => {
    opening += 1;
    most = Math.max(most, opening);
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    opening -= 1;
    return sink.open(...offered);
  };
  const sender = await playPackSender({ sink: { ...sink, open } });
  for (const from of [0, 1, 2, 3])
    await sender.sendPack(
      1 + 40 * from,
      filesOf(40).map(({ path }) => ({ path: `${from}${path}` })),
    );
  for (let packs = 0; packs < 4; packs += 1) await sender.answersTo('packed');
  expect(most).toBe(16);
});

describe('a sender whose pack trickles', () => {
  const { idleMs } = DEFAULT_TIMEOUTS;
  const HEAD_BYTES = HEADER_BYTES + PACK_PREFIX_BYTES;
  const pack = packFrame(1, [
    { path: 'a', content: Buffer.alloc(60_000) },
    { path: 'b', content: Buffer.alloc(60_000) },
  ]);

  /** Sends the pack at this rate, for as long as the receiver takes it. */
  async function trickle(bytesPerSecond: number, blocks: number) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
    const sender = await playPackSender({ pool: createCountingPool(blocks), isRaw: true });
    const isOver = () => sender.events.some(({ type }) => type === 'done');
    await sender.raw.write([pack.subarray(0, HEAD_BYTES)]);
    let seconds = 0;
    for (let at = HEAD_BYTES; at < pack.length && !isOver(); at += bytesPerSecond, seconds += 1) {
      sender.raw.write([pack.subarray(at, at + bytesPerSecond)]).catch(() => undefined);
      await vi.advanceTimersByTimeAsync(1000);
    }
    return { ...sender, seconds };
  }

  it.each([
    [1, 4],
    [900, 4],
    [900, 0],
  ])('at %i bytes a second is left, and its memory is given back (%i blocks)', async (rate, blocks) => {
    const { seconds, result, pool } = await trickle(rate, blocks);
    expect(seconds).toBeLessThanOrEqual((2 * idleMs) / 1000 + 2);
    expect((await result).firstFailure).toMatchObject({ code: 'timeout' });
    expect(pool.lent()).toBe(0);
  });

  it('at a pace that is slow is served, and the next pack gets no pooled memory', async () => {
    const { raw, events, eventsOf, pool } = await trickle(2000, 4);
    await until(() => events.length === 5);
    expect([eventsOf('a'), eventsOf('b')]).toEqual([
      ['offered', 'stored'],
      ['offered', 'stored'],
    ]);
    const take = vi.spyOn(pool, 'take');
    const next = ['c', 'd'].map((path) => ({ path, content: Buffer.alloc(60_000) }));
    await raw.write([packFrame(3, next)]);
    await until(() => events.length === 9);
    expect(take).not.toHaveBeenCalled();
    await raw.write([
      packFrame(
        5,
        next.map(({ content }, number) => ({ path: `again ${number}`, content })),
      ),
    ]);
    await until(() => events.length === 13);
    expect(take).toHaveBeenCalledOnce();
  });
});
