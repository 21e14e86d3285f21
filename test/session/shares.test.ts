import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../src/core/connection.js';
import type { Sink } from '../../src/core/sink.js';
import type { Source } from '../../src/core/source.js';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import type { Limit } from '../../src/core/events.js';
import { createReceiverWatch, findLimit } from '../../src/session/shares.js';
import { createStopwatch } from '../../src/session/stopwatch.js';
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
    const watch = createStopwatch(['a', 'cpu'], 'a');
    vi.advanceTimersByTime(100);
    watch.move(undefined, 'cpu');
    vi.advanceTimersByTime(300);
    expect(watch.lap()).toEqual({ a: 25, cpu: 75 });
    watch.move('cpu', 'a');
    vi.advanceTimersByTime(400);
    expect(watch.lap()).toEqual({ a: 100, cpu: 0 });
    expect(watch.total()).toEqual({ a: 63, cpu: 38 });
  });

  it('divides the time among the tasks that run at once', () => {
    const watch = createStopwatch(['a', 'b', 'cpu'], 'a');
    for (let task = 0; task < 3; task += 1) watch.move(undefined, 'b');
    watch.move(undefined, 'a');
    vi.advanceTimersByTime(100);
    expect(watch.lap()).toEqual({ a: 25, b: 75, cpu: 0 });
    for (let task = 0; task < 3; task += 1) watch.move('b', undefined);
    vi.advanceTimersByTime(100);
    expect(watch.lap()).toEqual({ a: 100, b: 0, cpu: 0 });
  });

  it('with a clock of the work takes that from the waiting, and counts no wait as work', () => {
    let busy = 500;
    const watch = createStopwatch(['a', 'b', 'cpu'], 'a', () => busy);
    watch.move(undefined, 'b');
    vi.advanceTimersByTime(30);
    watch.move('b', 'a');
    vi.advanceTimersByTime(10);
    watch.move('a', 'cpu');
    vi.advanceTimersByTime(60);
    busy += 20;
    expect(watch.lap()).toEqual({ a: 20, b: 60, cpu: 20 });
    vi.advanceTimersByTime(100);
    expect(watch.lap()).toEqual({ a: 0, b: 0, cpu: 100 });
    busy += 1000;
    watch.move('cpu', 'a');
    vi.advanceTimersByTime(100);
    expect(watch.lap()).toEqual({ a: 0, b: 0, cpu: 100 });
  });

  it('of no time at all says 0', () => {
    expect(createStopwatch(['a', 'cpu'], 'a').total()).toEqual({ a: 0, cpu: 0 });
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

  it('tells a stream from a disk', () => {
    expect(findLimit(sender(60, 30, 10), null, 'sender input')).toBe('sender input');
    expect(findLimit(sender(20, 30, 50), null, 'sender input')).toBe('sender CPU');
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
  let last = Promise.resolve();
  return {
    address: connection.address,
    read: () => connection.read(),
    readInto: (target, onBytes) => connection.readInto(target, onBytes),
    write: (parts) =>
      (last = last.then(async () => {
        if (parts.some(({ length }) => length > 1000)) await pause();
        await connection.write(parts);
      })),
    end: () => connection.end(),
    destroy: (reason) => connection.destroy(reason),
  };
}

/** A line on which each word takes its time. */
function delayLink(connection: Connection): Connection {
  return {
    ...throttleLink(connection),
    write: (parts) => connection.write(parts),
    read: async () => (await pause(), connection.read()),
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

/** A disk that needs its time to have a file for good. */
function throttleCommits(sink: Sink): Sink {
  return {
    ...sink,
    async open(offer) {
      const part = await sink.open(offer);
      return part.state === 'part' ? { ...part, commit: async (size) => (await pause(), part.commit(size)) } : part;
    },
  };
}

/** A processor that never rests. */
const busy = () => performance.now();
/** A processor that has nothing to do. */
const idle = () => 0;

interface Slowness {
  readonly source?: (source: Source) => Source;
  readonly link?: (connection: Connection) => Connection;
  readonly disk?: (sink: Sink) => Sink;
  readonly senderBusy?: () => number;
  readonly receiverBusy?: () => number;
}

async function transfer(sources: readonly Source[], slow: Slowness) {
  const { source = same, link = same, disk = same, senderBusy, receiverBusy } = slow;
  const [left, right] = connectionPair();
  const run = runSender(link(left), sources.map(source), undefined, false, senderBusy);
  const sink = createMemorySink();
  runReceiver(right, { ...sink, ...disk(sink) }, undefined, undefined, undefined, undefined, receiverBusy);
  let result: SessionResult | undefined;
  void run.result.then((value) => (result = value as SessionResult));
  while (!result) await vi.advanceTimersByTimeAsync(400);
  const live = run.events.flatMap((event) => (event.type === 'progress' && event.limitedBy ? [event.limitedBy] : []));
  return { limitedBy: result.shares?.limitedBy, live: live.at(-1) };
}

const same = <T>(value: T): T => value;
const contents = {
  'a large file': () => [createMemorySource('a', new Uint8Array(8 * BLOCK_BYTES).fill(1))],
  'many small files': () =>
    Array.from({ length: 300 }, (_, number) => createMemorySource(`${number}`, new Uint8Array(30_000).fill(1))),
  'a stream': () => [createMemorySource('a', new Uint8Array(8 * BLOCK_BYTES).fill(1), { size: null })],
};

describe.each([
  ['without a clock of the work', {}],
  ['with a clock of the work', { senderBusy: idle, receiverBusy: idle }],
])('%s', (_clock, clocks) => {
  describe.each(Object.entries(contents))('%s', (what, makeSources) => {
    it.each<[Limit, string, Slowness]>([
      [what === 'a stream' ? 'sender input' : 'sender disk', 'a slow source', { source: throttleSource }],
      ['network', 'a slow line', { link: throttleLink }],
      ['receiver disk', 'a slow disk', { disk: throttleDisk }],
    ])('is limited by the %s with %s', async (limit, _why, slow) => {
      expect(await transfer(makeSources(), { ...clocks, ...slow })).toEqual({ limitedBy: limit, live: limit });
    });
  });

  it('many small files are limited by the receiver disk with a disk that is slow to have each for good', async () => {
    const limits = await transfer(contents['many small files'](), { ...clocks, disk: throttleCommits });
    expect(limits).toEqual({ limitedBy: 'receiver disk', live: 'receiver disk' });
  });

  it('a tiny file over a long line is limited by the network', async () => {
    const tiny = [createMemorySource('a', new Uint8Array(3).fill(1))];
    expect((await transfer(tiny, { ...clocks, link: delayLink })).limitedBy).toBe('network');
  });
});

describe.each(Object.entries(contents))('%s', (_what, makeSources) => {
  it('is limited by the sender CPU when that never rests, whatever is slow', async () => {
    for (const slow of [{ source: throttleSource }, { link: throttleLink }, { disk: throttleDisk }])
      expect((await transfer(makeSources(), { ...slow, senderBusy: busy })).limitedBy).toBe('sender CPU');
  });

  it('is limited by the receiver CPU when that never rests and the sender waits for it', async () => {
    const slow = { disk: throttleDisk, senderBusy: idle, receiverBusy: busy };
    expect((await transfer(makeSources(), slow)).limitedBy).toBe('receiver CPU');
  });
});
