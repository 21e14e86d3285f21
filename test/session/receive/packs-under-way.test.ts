/** Packs that are being stored while the session goes on, waits or ends. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { digestBlock, formatDigest } from '../../../src/core/checksum.js';
import type { Bringer } from '../../../src/core/inbox.js';
import { createSlots, type SessionSlots } from '../../../src/core/slots.js';
import { DEFAULT_TIMEOUTS, STATUS_INTERVAL_MS } from '../../../src/protocol/constants.js';
import { lost } from '../../support/memory-connection.js';
import { createMemorySink, type MemoryEntry, type MemorySink } from '../../support/memory-sink.js';
import { createCountingPool, playPackSender } from '../../support/pack-sender.js';
import { packFrame } from '../../support/packs.js';

afterEach(() => void vi.useRealTimers());

const ANN: Bringer = { kind: 'key', id: `sha256:${'a'.repeat(64)}` };
const TIMERS = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] as const;
const HELLO = Buffer.from('hello');
const large = ['large 1', 'large 2', 'large 3'].map((path) => ({ path, content: Buffer.alloc(50_000) }));

type Sender = Awaited<ReturnType<typeof playPackSender>>;

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

/** A sink whose work with the files of packs waits until the test lets it go on: all of them together, or each by itself. */
function createGatedSink(storesTogether: boolean, entries?: Map<string, MemoryEntry>) {
  const sink = createMemorySink({ storesTogether, ...(entries && { entries }) });
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  let begun = 0;
  const noteBegun = () => {
    begun += 1;
    return gate;
  };
  const gated: MemorySink = {
    ...sink,
    async open(...offered) {
      const part = await sink.open(...offered);
      if (part.state !== 'part' || storesTogether) return part;
      return { ...part, commit: (...end) => noteBegun().then(() => part.commit(...end)) };
    },
    ...(storesTogether && {
      storeTogether: (files, signal) => noteBegun().then(() => sink.storeTogether!(files, signal)),
    }),
  };
  return Object.assign(gated, { release: () => release(), begun: () => begun });
}

async function sendFile({ channel, answersTo }: Sender, id: number, between: () => Promise<unknown>): Promise<void> {
  await channel.send({
    type: 'offer',
    id,
    entry: { path: 'ordinary', kind: 'file', size: 5, mtimeNs: 0n, mode: 0o644 },
  });
  await answersTo('ready');
  await between();
  await channel.sendBlock({ type: 'data', id, offset: 0, digest: digestBlock(HELLO), length: 5 }, HELLO);
  await channel.send({ type: 'end', id, digest: formatDigest(digestBlock(HELLO)), size: 5 });
}

describe.each([
  ['together', true],
  ['singly', false],
] as const)('files that are being stored %s', (_, storesTogether) => {
  async function begin() {
    const sink = createGatedSink(storesTogether);
    const sender = await playPackSender({ sink });
    await sender.sendPack(1, large);
    await until(() => sink.begun() === (storesTogether ? 1 : 3));
    return { ...sender, sink };
  }

  it.each<[string, (sender: Sender) => unknown]>([
    ['the sender leaves', ({ channel }) => channel.destroy(lost())],
    ['the sender ends its side', ({ raw }) => raw.end()],
    [
      'the sender leaves in the middle of the next pack',
      async ({ raw, channel }) => {
        await raw.write([packFrame(4, large).subarray(0, 100_000)]);
        await settle();
        channel.destroy(lost());
      },
    ],
    ['the session is stopped', ({ stop }) => stop.abort(new Error('stopped'))],
    ['the sender breaks the protocol', ({ channel }) => channel.send({ type: 'packed', id: 1, durable: true })],
    [
      'the sender says that it has failed',
      ({ channel }) => channel.send({ type: 'error', id: 0, code: 'aborted', message: 'x' }),
    ],
  ])('are stored and told of to the end when %s', async (_what, end) => {
    const sender = await begin();
    await end(sender);
    await settle();
    expect(sender.events.at(-1)?.type).not.toBe('done');
    sender.sink.release();
    expect(await sender.result).toMatchObject({ stored: 3, refused: 0 });
    expect(sender.eventsOf('large 2')).toEqual(['offered', 'stored']);
    expect([sender.sink.parts.size, sender.pool.lent()]).toEqual([0, 0]);
  });

  it('keep the goodbye waiting', async () => {
    const sender = await begin();
    await sender.channel.send({ type: 'goodbye', id: 0 });
    await settle();
    sender.sink.release();
    expect((await sender.answersTo('goodbye')).map(({ type }) => type).slice(-2)).toEqual(['packed', 'goodbye']);
    expect(await sender.result).toMatchObject({ stored: 3, failed: 0 });
  });

  it('do not keep the frames behind them waiting', async () => {
    const sender = await begin();
    await sender.channel.send({
      ...{ type: 'offer', id: 9 },
      entry: { path: 'd', kind: 'directory', size: 0, mtimeNs: 0n, mode: 0o755 },
    });
    expect(await sender.channel.receive()).toMatchObject({ type: 'stored', id: 9 });
    sender.sink.release();
    await sender.answersTo('packed');
  });
});

it('a session that breaks off in the middle of a pack has failed, and keeps no memory', async () => {
  for (const blocks of [0, 4])
    for (const [end, code] of [
      [({ channel }: Sender) => channel.destroy(lost()), 'lost'],
      [({ stop }: Sender) => stop.abort(new Error('stopped')), 'aborted'],
    ] as const) {
      const sender = await playPackSender({ pool: createCountingPool(blocks) });
      await sender.write(packFrame(1, large).subarray(0, 40_000));
      await settle();
      end(sender);
      expect(await sender.result).toMatchObject({ stored: 0, failed: 1, firstFailure: { code } });
      expect(sender.events).toMatchObject([{ type: 'connected' }, { type: 'failed', path: null }, { type: 'done' }]);
      expect(sender.pool.lent()).toBe(0);
    }
});

it('files that wait to be brought singly fail when the session ends, and those that are being committed are stored', async () => {
  const sink = createGatedSink(false);
  const sender = await playPackSender({ sink });
  const files = Array.from({ length: 40 }, (_, number) => ({ path: `f${number}` }));
  await sender.sendPack(1, files);
  await until(() => sink.begun() === 16);
  sender.stop.abort(new Error('stopped'));
  await settle();
  sink.release();
  expect(await sender.result).toMatchObject({ stored: 16, failed: 24 });
  for (const { path } of files) expect(sender.eventsOf(path)).toHaveLength(2);
  expect(sink.parts.size).toBe(0);
});

it('files that cannot be stored together when the session has ended fail', async () => {
  const sink = createGatedSink(true, new Map([['large 2', { kind: 'directory', mode: 0o755, mtimeNs: 0n }]]));
  const sender = await playPackSender({ sink });
  await sender.sendPack(1, large);
  await until(() => sink.begun() === 1);
  sender.stop.abort(new Error('stopped'));
  await settle();
  sink.release();
  expect(await sender.result).toMatchObject({ stored: 2, failed: 1 });
  expect(sender.events).toContainEqual(expect.objectContaining({ type: 'failed', path: 'large 2', code: 'aborted' }));
  expect(sender.pool.lent()).toBe(0);
});

describe('when every slot is taken', () => {
  /** Slots of which another session holds all that it can get. */
  async function createTakenSlots() {
    const slots = createSlots(1);
    const other = slots.join('other');
    await other.take();
    await other.take();
    return slots;
  }

  const taken = () =>
    createMemorySink({
      entries: new Map(large.map(({ path }) => [path, { kind: 'directory', mode: 0o755, mtimeNs: 0n }])),
    });

  async function begin(slots: SessionSlots, blocks: number) {
    const sender = await playPackSender({ sink: taken(), slots, pool: createCountingPool(blocks) });
    return sender;
  }

  it('a pack waits for the file that has the slot of its session, and that file does not wait for the pack', async () => {
    const sender = await begin((await createTakenSlots()).join('own'), 4);
    await sendFile(sender, 1, () => sender.sendPack(2, large));
    expect((await sender.answersTo('packed')).map(({ type, id }) => `${type} ${id}`)).toEqual([
      ...['stored 1', 'stored 2', 'stored 3', 'stored 4', 'packed 2'],
    ]);
    expect(await sender.sayGoodbye()).toMatchObject({ stored: 4 });
  });

  it('and there is no memory for it either, the rest of the pack comes again by offers', async () => {
    vi.useFakeTimers({ toFake: [...TIMERS] });
    const sender = await begin((await createTakenSlots()).join('own'), 0);
    await sendFile(sender, 1, async () => {
      await sender.sendPack(2, large);
      await settle();
      await vi.advanceTimersByTimeAsync(5_000);
    });
    const answers = await sender.answersTo('packed');
    expect(answers.map(({ type, id }) => `${type} ${id}`)).toEqual(['again 3', 'stored 1', 'stored 2', 'packed 2']);
    expect(await sender.sayGoodbye()).toMatchObject({ stored: 2 });
  });

  it('a session that ends gives all of its slots back', async () => {
    const slots = createSlots(3);
    const own = slots.join('own');
    const sink = createGatedSink(false);
    const sender = await playPackSender({ sink, slots: own });
    await sender.sendPack(1, large);
    await until(() => sink.begun() > 0);
    sender.channel.destroy(lost());
    sink.release();
    await sender.result;
    const other = slots.join('own');
    for (const slot of [await other.take(), await other.take()]) expect(slot).toBe(true);
  });
});

describe('patience', () => {
  const { offerMs } = DEFAULT_TIMEOUTS;

  it('with a sender that offers nothing does not end while its pack is being stored', async () => {
    vi.useFakeTimers({ toFake: [...TIMERS] });
    const sink = createGatedSink(true);
    const sender = await playPackSender({ sink });
    await sender.sendPack(1, large);
    await until(() => sink.begun() === 1);
    await vi.advanceTimersByTimeAsync(2 * offerMs);
    expect(sender.events.at(-1)?.type).toBe('offered');
    sink.release();
    await sender.answersTo('packed');
    await vi.advanceTimersByTimeAsync(0.9 * offerMs);
    expect(sender.events.at(-1)?.type).toBe('stored');
    await vi.advanceTimersByTimeAsync(0.4 * offerMs);
    expect((await sender.result).firstFailure).toMatchObject({ code: 'timeout' });
  });

  it('begins anew with a pack', async () => {
    vi.useFakeTimers({ toFake: [...TIMERS] });
    const sender = await playPackSender();
    for (let id = 1; id < 5; id += 1) {
      await vi.advanceTimersByTimeAsync(0.6 * offerMs);
      await sender.sendPack(id, [{ path: `f${id}` }]);
      await sender.answersTo('packed');
    }
    expect(await sender.sayGoodbye()).toMatchObject({ stored: 4 });
  });
});

it('the time in which a pack is stored counts as time of the disk, and the sender hears of it', async () => {
  vi.useFakeTimers({ toFake: [...TIMERS] });
  const sink = createGatedSink(true);
  const sender = await playPackSender({ sink, capabilities: ['status'] });
  await sender.sendPack(1, large);
  await until(() => sink.begun() === 1);
  await vi.advanceTimersByTimeAsync(2 * STATUS_INTERVAL_MS);
  expect(await sender.channel.receive()).toMatchObject({ type: 'status' });
  expect(await sender.channel.receive()).toMatchObject({ type: 'status', shares: { disk: 100, network: 0, cpu: 0 } });
  sink.release();
  await sender.answersTo('packed');
});

describe('two sessions of one sender', () => {
  const entries = () => new Map<string, MemoryEntry>();

  it('that bring the same files together store each once', async () => {
    const store = entries();
    const sinks = [createGatedSink(true, store), createGatedSink(true, store)] as const;
    const [older, newer] = await Promise.all(
      sinks.map((sink, number) => playPackSender({ sink, bringer: ANN, transfer: String(number).repeat(32) })),
    );
    for (const sender of [older!, newer!]) await sender.sendPack(1, large);
    await until(() => sinks.every((sink) => sink.begun() === 1));
    for (const sink of sinks) sink.release();
    expect(await older!.answersTo('packed')).toHaveLength(1);
    expect(await newer!.answersTo('packed')).toMatchObject([
      ...large.map(({ path }) => ({ type: 'stored', as: path, already: true })),
      { type: 'packed' },
    ]);
    expect(store.size).toBe(3);
  });

  it.each([
    ['is to offer it again, if it can', ['follow'], { type: 'error', code: 'busy', follow: true }],
    ['fails it, if not', [], { type: 'error', code: 'busy' }],
  ])(
    'take turns with a file of a pack: the older one, whose file waits to be opened, %s',
    async (_, capabilities, answer) => {
      const store = entries();
      const sink = createMemorySink({ entries: store });
      let release: () => void = () => undefined;
      const gate = new Promise<void>((resolve) => (release = resolve));
      const waiting = {
        ...sink,
        open: (...offered: Parameters<typeof sink.open>) => gate.then(() => sink.open(...offered)),
      };
      const transfer = '1'.repeat(32);
      const older = await playPackSender({ sink: waiting, bringer: ANN, transfer, capabilities });
      await older.sendPack(1, [{ path: 'a' }]);
      await settle();
      const newer = await playPackSender({ sink: createMemorySink({ entries: store }), bringer: ANN, transfer });
      await newer.sendPack(1, [{ path: 'a' }]);
      await settle();
      release();
      expect(await older.answersTo('packed')).toMatchObject([answer, { type: 'packed' }]);
      expect(await newer.answersTo('packed')).toMatchObject([{ type: 'stored', as: 'a' }, { type: 'packed' }]);
      expect(older.eventsOf('a')).toEqual(capabilities.length > 0 ? ['offered'] : ['offered', 'failed']);
      expect(sink.parts.size).toBe(0);
    },
  );

  it('wait for a file of a pack that is being committed', async () => {
    const store = entries();
    const sink = createGatedSink(false, store);
    const transfer = '1'.repeat(32);
    const older = await playPackSender({ sink, bringer: ANN, transfer });
    await older.sendPack(1, [{ path: 'a' }]);
    await until(() => sink.begun() === 1);
    const newer = await playPackSender({ sink: createMemorySink({ entries: store }), bringer: ANN, transfer });
    await newer.sendPack(1, [{ path: 'a' }]);
    await settle();
    sink.release();
    expect(await older.answersTo('packed')).toMatchObject([{ type: 'stored', already: false }, { type: 'packed' }]);
    expect(await newer.answersTo('packed')).toMatchObject([{ type: 'stored', already: true }, { type: 'packed' }]);
  });
});

describe('at every moment of a pack', () => {
  const files = [
    ...large,
    ...['taken', 'same', '../refused', 'new', 'new'].map((path) => ({ path })),
    ...Array.from({ length: 150 }, (_, number) => ({ path: `f${number}`, content: '' })),
  ];
  const frame = packFrame(1, files);
  const half = frame.length / 2;

  function createStore(): Map<string, MemoryEntry> {
    const file = { kind: 'file', mode: 0o644, mtimeNs: 0n } as const;
    return new Map([
      ['taken', { ...file, content: Buffer.from('other content') }],
      ['same', { ...file, content: Uint8Array.from(Buffer.from('same')) }],
    ]);
  }

  const ends: readonly [string, (sender: Sender) => unknown][] = [
    ['the sender leaves', ({ channel }) => channel.destroy(lost())],
    ['the sender ends its side', ({ raw }) => raw.end()],
    ['the session is stopped', ({ stop }) => stop.abort(new Error('stopped'))],
  ];
  const ways = [true, false].flatMap((storesTogether) => [4, 0].map((blocks) => [storesTogether, blocks] as const));

  it.each(ends)('%s, and each file that was offered has come to one end, with nothing left over', async (_, end) => {
    for (const [storesTogether, blocks] of ways)
      for (let turns = 0; turns < 30; turns += 1) {
        const sink = createMemorySink({ storesTogether, entries: createStore() });
        const sender = await playPackSender({ sink, pool: createCountingPool(blocks) });
        await sender.raw.write([frame.subarray(0, half)]);
        for (let turn = 0; turn < turns; turn += 1) {
          if (turn === 4) await sender.raw.write([frame.subarray(half)]);
          await new Promise(setImmediate);
        }
        await end(sender);
        const { stored, refused, failed } = await sender.result;
        const offered = sender.events.filter(({ type }) => type === 'offered').length;
        const ofSession = sender.events.filter((event) => event.type === 'failed' && event.path === null).length;
        expect(stored + refused + failed - ofSession).toBe(offered);
        expect([sink.parts.size, sender.pool.lent()]).toEqual([0, 0]);
        // Whatever stands there was told of.
        const told = new Set(sender.events.flatMap((event) => (event.type === 'stored' ? [event.as] : [])));
        for (const path of sink.entries.keys()) if (!['taken', 'same'].includes(path)) expect(told).toContain(path);
      }
  });
});

describe('files that an older session of the same sender is storing', () => {
  const TRANSFER = '7'.repeat(32);
  const files = ['a', 'b', 'c'].map((path) => ({ path, content: path }));

  it.each<[string, Bringer, string | undefined]>([
    ['with a key', ANN, undefined],
    ['without a key, in the same transfer', { kind: 'none', address: '192.0.2.1' }, TRANSFER],
  ])('are waited for, and not stored beside that (%s)', async (_, bringer, transfer) => {
    const sink = createGatedSink(true);
    const older = await playPackSender({ sink, bringer, transfer });
    await older.sendPack(1, files);
    await until(() => sink.begun() === 1);
    let given = 0;
    const storeTogether: MemorySink['storeTogether'] = (some, signal) => {
      given += some.length;
      return sink.storeTogether!(some, signal);
    };
    const newer = await playPackSender({ sink: { ...sink, storeTogether }, bringer, transfer });
    await newer.sendPack(1, [...files, { path: 'other', content: 'other' }]);
    await until(() => given > 0);
    await settle();
    expect(given).toBe(1);
    sink.release();
    await older.answersTo('packed');
    const answers = await newer.answersTo('packed');
    expect(answers.filter(({ type }) => type === 'stored')).toMatchObject(
      [1, 2, 3].map((id) => ({ id, already: true })),
    );
    expect([...sink.entries.keys()].sort()).toEqual(['a', 'b', 'c', 'other']);
  });

  it('of another sender are stored as ever', async () => {
    const sink = createGatedSink(true);
    const ann = await playPackSender({ sink, bringer: ANN });
    const bob = await playPackSender({ sink, bringer: { kind: 'key', id: `sha256:${'b'.repeat(64)}` } });
    for (const sender of [ann, bob]) await sender.sendPack(1, files);
    await until(() => sink.begun() === 2);
    sink.release();
    for (const sender of [ann, bob]) await sender.answersTo('packed');
  });
});
