/** Peers that are slow, and peers that only pretend to be: PROTOCOL.md section 9, on a clock of the test's own. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { digestBlock, formatDigest } from '../../src/core/checksum.js';
import { BLOCK_BYTES, type Entry } from '../../src/core/entry.js';
import type { Connection } from '../../src/core/connection.js';
import type { FtxError } from '../../src/core/errors.js';
import type { Channel } from '../../src/protocol/channel.js';
import { encodeControl, encodeDataHead } from '../../src/protocol/codec.js';
import { DEFAULT_TIMEOUTS, GREETING, MIN_BYTES_PER_SECOND } from '../../src/protocol/constants.js';
import { receiveClassic } from '../../src/session/classic/receive.js';
import { sendClassic } from '../../src/session/classic/send.js';
import { createTally } from '../../src/session/tally.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemorySink } from '../support/memory-sink.js';
import { createMemorySource } from '../support/memory-source.js';
import { greetAs, runReceiver, runSender, type ReceiverRun } from '../support/session.js';

const { idleMs, offerMs, storedMs } = DEFAULT_TIMEOUTS;
const FILE: Entry = { path: 'a', kind: 'file', size: BLOCK_BYTES, mtimeNs: 0n, mode: 0o644 };
const content = Buffer.alloc(BLOCK_BYTES, 'content ');
const channels: Channel[] = [];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const channel of channels.splice(0)) channel.destroy(lost());
  vi.useRealTimers();
});

/** Whether it is over by now, at any moment. */
function watch(result: Promise<unknown>): () => boolean {
  let over = false;
  void result.then(() => (over = true));
  return () => over;
}

/** A sender that pings by itself. */
async function connectSender(): Promise<{ receiver: ReceiverRun; channel: Channel }> {
  const [left, right] = connectionPair();
  const receiver = runReceiver(right);
  const channel = await greetAs('sender', left);
  channels.push(channel);
  return { receiver, channel };
}

/** A sender that has offered one file and begun to send its one block, byte by byte. */
async function beginBlock(offer: Partial<Entry> = {}) {
  const [raw, right] = connectionPair();
  const receiver = runReceiver(right);
  const hello = encodeControl({ type: 'hello', id: 0, agent: 'test', capabilities: [], idleMs });
  await raw.write([GREETING, hello, encodeControl({ type: 'offer', id: 1, entry: { ...FILE, ...offer } })]);
  await vi.advanceTimersByTimeAsync(0);
  const head = { type: 'data', id: 1, offset: 0, digest: digestBlock(content), length: content.length } as const;
  await raw.write([encodeDataHead(head)]);
  return { receiver, raw, isOver: watch(receiver.result) };
}

/** Writes `bytes` at a steady rate until all are written or `isOver`; resolves with the seconds it took. */
async function trickle(
  raw: Connection,
  bytes: Uint8Array,
  bytesPerSecond: number,
  isOver: () => boolean,
): Promise<number> {
  let seconds = 0;
  for (let at = 0; at < bytes.length && !isOver(); at += bytesPerSecond, seconds++) {
    raw.write([bytes.subarray(at, at + bytesPerSecond)]).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(1000);
  }
  return seconds;
}

describe('a sender whose block trickles', () => {
  async function sendSlowly(bytesPerSecond: number) {
    const { receiver, raw, isOver } = await beginBlock();
    const seconds = await trickle(raw, content, bytesPerSecond, isOver);
    return { receiver, raw, seconds };
  }

  it.each([1, 100, MIN_BYTES_PER_SECOND - 50])(
    'at %i bytes a second is left after twice the idle time',
    async (rate) => {
      const { receiver, seconds } = await sendSlowly(rate);
      expect(seconds).toBeLessThanOrEqual((2 * idleMs) / 1000 + 2);
      expect(await receiver.result).toMatchObject({ failed: 1, firstFailure: { code: 'timeout' } });
      expect(receiver.sink.parts.size).toBe(0);
    },
  );

  it.each([MIN_BYTES_PER_SECOND + 50, 10_000])('at %i bytes a second is served to the end', async (rate) => {
    const { raw, receiver } = await sendSlowly(rate);
    const digest = formatDigest(digestBlock(content));
    await raw.write([
      encodeControl({ type: 'end', id: 1, digest, size: BLOCK_BYTES }),
      encodeControl({ type: 'goodbye', id: 0 }),
    ]);
    expect(await receiver.result).toMatchObject({ stored: 1, failed: 0 });
  });

  it('goes on after its connection stood still for less than the idle time', async () => {
    const { raw, isOver } = await beginBlock();
    for (let at = 0; at < content.length; at += content.length / 8) {
      void raw.write([content.subarray(at, at + content.length / 8)]);
      await vi.advanceTimersByTimeAsync(0.95 * idleMs);
    }
    expect(isOver()).toBe(false);
  });

  it('is dropped also when its entry has ended already', async () => {
    const { raw, isOver } = await beginBlock({ path: '../a' });
    const seconds = await trickle(raw, content, 1, isOver);
    expect(seconds).toBeLessThanOrEqual((2 * idleMs) / 1000 + 2);
  });
});

it.each([2 ** 31 - 1, 10 ** 12])('a side that waits for %i ms for anything takes a file all the same', async (ms) => {
  const [left, right] = connectionPair();
  const timeouts = { ...DEFAULT_TIMEOUTS, idleMs: ms };
  const receiver = runReceiver(right, undefined, timeouts);
  const sender = runSender(left, [createMemorySource('a', new Uint8Array(3 * BLOCK_BYTES))], timeouts);
  await vi.advanceTimersByTimeAsync(100);
  expect(await sender.result).toMatchObject({ stored: 1 });
  expect(await receiver.result).toMatchObject({ stored: 1 });
});

describe('a sender that pings', () => {
  it('and offers nothing is dropped', async () => {
    const { receiver, channel } = await connectSender();
    const isOver = watch(receiver.result);
    void channel.receive().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(offerMs - 1000);
    expect(isOver()).toBe(false);
    await vi.advanceTimersByTimeAsync(0.3 * offerMs);
    expect(await receiver.result).toMatchObject({ firstFailure: { code: 'timeout' } });
  });

  it('and offers nothing more is dropped as well', async () => {
    const { receiver, channel } = await connectSender();
    await channel.send({ type: 'offer', id: 1, entry: { ...FILE, path: 'd', kind: 'directory', size: 0 } });
    expect(await channel.receive()).toMatchObject({ type: 'stored' });
    void channel.receive().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(1.3 * offerMs);
    expect(await receiver.result).toMatchObject({ stored: 1, failed: 1, firstFailure: { code: 'timeout' } });
  });

  const DIRECTORY: Entry = { ...FILE, path: 'd', kind: 'directory', size: 0 };
  const toThrowAway: Record<string, readonly Uint8Array[]> = {
    ping: [encodeControl({ type: 'ping', id: 0 })],
    error: [encodeControl({ type: 'error', id: 1, code: 'io', message: 'x'.repeat(1000) })],
    end: [encodeControl({ type: 'end', id: 1, digest: formatDigest(0n), size: 0 })],
    data: [encodeDataHead({ type: 'data', id: 1, offset: 0, digest: 0n, length: content.length }), content],
  };

  it.each(Object.keys(toThrowAway))(
    'and goes on with %s frames for an entry that has ended is dropped',
    async (type) => {
      const [raw, right] = connectionPair();
      const receiver = runReceiver(right);
      const isOver = watch(receiver.result);
      const hello = encodeControl({ type: 'hello', id: 0, agent: 'test', capabilities: [], idleMs });
      await raw.write([GREETING, hello, encodeControl({ type: 'offer', id: 1, entry: DIRECTORY })]);
      for (let ms = 0; ms < 1.3 * offerMs; ms += idleMs / 2) {
        raw.write(toThrowAway[type]!).catch(() => undefined);
        await vi.advanceTimersByTimeAsync(idleMs / 2);
      }
      expect(isOver()).toBe(true);
      expect(await receiver.result).toMatchObject({ stored: 1, failed: 1, firstFailure: { code: 'timeout' } });
    },
  );

  it('has its whole time after an entry that took long', async () => {
    const sink = createMemorySink();
    let place: () => void = () => undefined;
    const placing = new Promise<void>((resolve) => (place = resolve));
    const slow = { ...sink, place: (offer: Entry) => placing.then(() => sink.place(offer)) };
    const [left, right] = connectionPair();
    const receiver = runReceiver(right, slow);
    const isOver = watch(receiver.result);
    const channel = await greetAs('sender', left);
    channels.push(channel);
    await channel.send({ type: 'offer', id: 1, entry: DIRECTORY });
    void channel.receive().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(1.9 * offerMs);
    place();
    await vi.advanceTimersByTimeAsync(0.95 * offerMs);
    expect(isOver()).toBe(false);
    await vi.advanceTimersByTimeAsync(0.4 * offerMs);
    expect(isOver()).toBe(true);
  });

  it('while its source is slow is not dropped', async () => {
    const { receiver, channel } = await connectSender();
    const isOver = watch(receiver.result);
    await channel.send({ type: 'offer', id: 1, entry: { ...FILE, size: null } });
    expect(await channel.receive()).toMatchObject({ type: 'ready' });
    void channel.receive().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(20 * offerMs);
    expect(isOver()).toBe(false);
  });
});

it('a sender that falls silent in the middle of a file is dropped, although the receiver goes on sending status frames', async () => {
  const [raw, right] = connectionPair();
  const receiver = runReceiver(right);
  const hello = encodeControl({ type: 'hello', id: 0, agent: 'test', capabilities: ['status'], idleMs });
  await raw.write([GREETING, hello, encodeControl({ type: 'offer', id: 1, entry: FILE })]);
  await vi.advanceTimersByTimeAsync(1.3 * idleMs);
  expect(await receiver.result).toMatchObject({ failed: 1, firstFailure: { code: 'timeout' } });
});

it('a sender that reads no answers is not read from any more, and then dropped', async () => {
  const [raw, right] = connectionPair();
  const receiver = runReceiver(right);
  const isOver = watch(receiver.result);
  const channel = await greetAs('sender', raw);
  channels.push(channel);
  const path = `../${'x'.repeat(500)}`;
  let offers = 0;
  void (async () => {
    for (; offers < 100_000; offers++) await channel.send({ type: 'offer', id: offers + 1, entry: { ...FILE, path } });
  })().catch(() => undefined);
  // It goes on pinging, which is no sign of life to somebody who cannot get a word in.
  await vi.advanceTimersByTimeAsync(idleMs);
  expect(offers).toBeLessThan(6000);
  await vi.advanceTimersByTimeAsync(idleMs);
  expect(isOver()).toBe(true);
  expect(receiver.events.filter(({ type }) => type === 'failed')).toMatchObject([{ path: null, code: 'timeout' }]);
});

describe('a receiver', () => {
  it('that pings but takes no data is dropped', async () => {
    const [left, raw] = connectionPair();
    const sender = runSender(left, [createMemorySource('a', content)]);
    const channel = await greetAs('receiver', raw);
    channels.push(channel);
    expect(await channel.receive()).toMatchObject({ type: 'offer' });
    await channel.send({ type: 'ready', id: 1, offset: 0, have: false });
    const isOver = watch(sender.result);
    await vi.advanceTimersByTimeAsync(2 * idleMs);
    expect(isOver()).toBe(false);
    await vi.advanceTimersByTimeAsync((1000 * BLOCK_BYTES) / MIN_BYTES_PER_SECOND);
    expect(await sender.result).toMatchObject({ code: 'timeout' });
  });

  it('that has a slow disk is not dropped', async () => {
    const [left, raw] = connectionPair();
    const sender = runSender(left, [createMemorySource('a', content)]);
    const channel = await greetAs('receiver', raw);
    channels.push(channel);
    expect(await channel.receive()).toMatchObject({ type: 'offer' });
    await channel.send({ type: 'ready', id: 1, offset: 0, have: false });
    await vi.advanceTimersByTimeAsync(storedMs);
    expect(await channel.receive()).toMatchObject({ type: 'data' });
    await channel.skipContent(BLOCK_BYTES);
    expect(await channel.receive()).toMatchObject({ type: 'end' });
    await channel.send({ type: 'stored', id: 1, as: 'a', already: false, durable: true });
    expect(await channel.receive()).toMatchObject({ type: 'goodbye' });
    await channel.send({ type: 'goodbye', id: 0 });
    expect(await sender.result).toMatchObject({ stored: 1 });
  });
});

describe('a classic receiver', () => {
  /** Takes a file of two blocks at this rate, and closes once it has all of it and `closeMs` have passed. */
  async function takeSlowly(bytesPerSecond: number, closeMs = 0) {
    const [left, script] = connectionPair();
    const tally = createTally(1, undefined);
    const file = createMemorySource('a', new Uint8Array(2 * BLOCK_BYTES));
    const { signal } = new AbortController();
    const result = sendClassic(left, file, { tally, timeouts: DEFAULT_TIMEOUTS, signal }).then(
      () => 'sent',
      (error: unknown) => (error as FtxError).code,
    );
    const isOver = watch(result);
    await script.read();
    void script.write([Buffer.from('ready')]);
    const memory = new Uint8Array(bytesPerSecond);
    let seconds = 0;
    for (let taken = 0; taken < 2 * BLOCK_BYTES && !isOver(); seconds++) {
      taken += await script.readInto(memory, () => undefined);
      await vi.advanceTimersByTimeAsync(1000);
    }
    await vi.advanceTimersByTimeAsync(closeMs);
    script.end();
    return { result: await result, seconds };
  }

  it.each([MIN_BYTES_PER_SECOND + 50, 10_000])('that takes %i bytes a second is served to the end', async (rate) => {
    expect(await takeSlowly(rate)).toMatchObject({ result: 'sent' });
  });

  it('that has not got everything out of its buffers is waited for', async () => {
    expect(await takeSlowly(100_000, 2 * idleMs)).toMatchObject({ result: 'sent' });
  });

  it('that takes 100 bytes a second is left', async () => {
    const { result, seconds } = await takeSlowly(100);
    expect(result).toBe('timeout');
    expect(seconds).toBeLessThanOrEqual((3 * idleMs) / 1000 + 5);
  });
});

describe('a classic sender', () => {
  it.each([
    [1, { stored: 0, failed: 1, firstFailure: { code: 'timeout' } }],
    [10_000, { stored: 1, failed: 0 }],
  ])('at %i bytes a second', async (rate, outcome) => {
    const [script, right] = connectionPair();
    const sink = createMemorySink();
    const signal = new AbortController().signal;
    const result = receiveClassic(right, {
      session: 1,
      sink,
      timeouts: DEFAULT_TIMEOUTS,
      signal,
      maxSize: 2 ** 30,
      name: 'c',
    });
    const isOver = watch(result);
    void script.write([Buffer.from(String(content.length))]);
    await vi.advanceTimersByTimeAsync(300);
    await script.read();
    const seconds = await trickle(script, content, rate, isOver);
    script.end();
    await vi.advanceTimersByTimeAsync(0);
    expect(await result).toMatchObject(outcome);
    if (outcome.failed) expect(seconds).toBeLessThanOrEqual((2 * idleMs) / 1000 + 2);
    expect(sink.parts.size).toBe(0);
  });
});
