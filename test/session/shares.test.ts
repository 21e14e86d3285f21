import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../src/core/connection.js';
import type { Sink } from '../../src/core/sink.js';
import type { Source } from '../../src/core/source.js';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import { createReceiverWatch, createStopwatch, findLimit } from '../../src/session/shares.js';
import type { SessionResult } from '../../src/session/tally.js';
import { connectionPair } from '../support/memory-connection.js';
import { createMemorySink } from '../support/memory-sink.js';
import { createMemorySource } from '../support/memory-source.js';
import { runReceiver, runSender } from '../support/session.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a stopwatch', () => {
  it('gives whole percents of all time, and of the last lap', () => {
    const watch = createStopwatch(['a', 'b'] as const, 'a');
    vi.advanceTimersByTime(100);
    watch.enter('b');
    vi.advanceTimersByTime(300);
    expect(watch.lap()).toEqual({ a: 25, b: 75 });
    watch.enter('a');
    vi.advanceTimersByTime(400);
    expect(watch.lap()).toEqual({ a: 100, b: 0 });
    expect(watch.total()).toEqual({ a: 63, b: 38 });
  });

  it('of no time at all says 0', () => {
    expect(createStopwatch(['a'] as const, 'a').total()).toEqual({ a: 0 });
  });
});

it('a receiver that has no data while it commits waits for its disk', () => {
  const watch = createReceiverWatch();
  watch.enter('network');
  vi.advanceTimersByTime(100);
  watch.commitStarted();
  vi.advanceTimersByTime(200);
  watch.commitEnded();
  vi.advanceTimersByTime(100);
  expect(watch.total()).toEqual({ network: 50, disk: 50, cpu: 0 });
});

const sender = (source: number, network: number, cpu: number) => ({ source, network, cpu });
const receiver = (network: number, disk: number, cpu: number) => ({ network, disk, cpu });

describe('findLimit', () => {
  it.each([
    [sender(60, 30, 10), receiver(90, 5, 5), 'sender disk'],
    [sender(20, 30, 50), receiver(90, 5, 5), 'sender CPU'],
    [sender(5, 90, 5), receiver(90, 5, 5), 'network'],
    [sender(5, 90, 5), receiver(10, 80, 10), 'receiver disk'],
    [sender(5, 90, 5), receiver(10, 10, 80), 'receiver CPU'],
    [sender(5, 90, 5), null, null],
    [sender(60, 30, 10), null, 'sender disk'],
    [null, receiver(10, 80, 10), 'receiver disk'],
    [null, receiver(80, 10, 10), null],
    [null, null, null],
  ])('of sender %j and receiver %j is %s', (ofSender, ofReceiver, limit) => {
    expect(findLimit(ofSender, ofReceiver)).toBe(limit);
  });
});

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 400));

function throttleSource(source: Source): Source {
  return {
    ...source,
    async *blocks(from) {
      for await (const block of source.blocks(from)) {
        await pause();
        yield block;
      }
    },
  };
}

function throttleLink(connection: Connection): Connection {
  return {
    address: connection.address,
    read: () => connection.read(),
    readInto: (target, onBytes) => connection.readInto(target, onBytes),
    write: async (parts) => {
      if (parts.some(({ length }) => length > 1000)) await pause();
      await connection.write(parts);
    },
    end: () => connection.end(),
    destroy: (reason) => connection.destroy(reason),
  };
}

/** A disk that takes one block after the other. */
function throttleDisk(sink: Sink): Sink {
  let last = Promise.resolve();
  return {
    ...sink,
    async open(offer) {
      const part = await sink.open(offer);
      if (part.state !== 'part') return part;
      const write = (block: Uint8Array, offset: number) =>
        (last = last.then(pause).then(() => part.write(block, offset)));
      return { ...part, write };
    },
  };
}

describe('a transfer says that it is limited by', () => {
  async function transfer(source: Source, link: (connection: Connection) => Connection, disk: (sink: Sink) => Sink) {
    const [left, right] = connectionPair();
    const run = runSender(link(left), [source]);
    const sink = createMemorySink();
    runReceiver(right, { ...sink, ...disk(sink) });
    let result: SessionResult | undefined;
    void run.result.then((value) => (result = value as SessionResult));
    while (!result) await vi.advanceTimersByTimeAsync(100);
    const live = run.events.flatMap((event) => (event.type === 'progress' && event.limitedBy ? [event.limitedBy] : []));
    return { limitedBy: result.shares?.limitedBy, live: live.at(-1) };
  }
  const same = <T>(value: T): T => value;
  const source = () => createMemorySource('a', new Uint8Array(30 * BLOCK_BYTES));

  it('the sender disk', async () => {
    const limits = await transfer(throttleSource(source()), same, same);
    expect(limits).toEqual({ limitedBy: 'sender disk', live: 'sender disk' });
  });

  it('the network', async () => {
    const limits = await transfer(source(), throttleLink, same);
    expect(limits).toEqual({ limitedBy: 'network', live: 'network' });
  });

  it('the receiver disk', async () => {
    const limits = await transfer(source(), same, throttleDisk);
    expect(limits).toEqual({ limitedBy: 'receiver disk', live: 'receiver disk' });
  });
});
