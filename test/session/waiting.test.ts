/** What a sender tells while nothing moves: that it makes its list, and that the receiver stores what was sent. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import type { TransferEvent } from '../../src/core/events.js';
import type { Sink } from '../../src/core/sink.js';
import type { Source } from '../../src/core/source.js';
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

/** A disk that needs so long to have a file. */
function slowCommits(sink: Sink, ms: number): Sink {
  return {
    ...sink,
    async open(offer) {
      const part = await sink.open(offer);
      if (part.state !== 'part') return part;
      const commit = async (size: number) => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return part.commit(size);
      };
      return { ...part, commit };
    },
  };
}

async function send(sources: Iterable<Source>, commitMs = 0, dryRun = false): Promise<TransferEvent[]> {
  const [left, right] = connectionPair();
  const { result, events } = runSender(left, sources, undefined, dryRun);
  const sink = createMemorySink();
  runReceiver(right, { ...sink, ...slowCommits(sink, commitMs) });
  let over: unknown;
  void result.then((value) => (over = value));
  while (!over) await vi.advanceTimersByTimeAsync(100);
  return events;
}

const fileOf = (path: string, bytes: number) => createMemorySource(path, new Uint8Array(bytes));
const typesOf = (events: readonly TransferEvent[]) => events.map(({ type }) => type);

it.each([
  ['a large file', [fileOf('a', 3 * BLOCK_BYTES)]],
  ['a small file', [fileOf('a', 5)]],
  ['several files', [fileOf('a', 5), fileOf('b', 5), fileOf('c', 5)]],
])(
  'of %s that the disk of the receiver takes long for, it tells about once a second what is waited for',
  async (_what, sources) => {
    const events = await send(sources, 5000);
    const waits = events.filter(({ type }) => type === 'waiting');
    expect(waits).toEqual(Array(waits.length).fill({ type: 'waiting', session: 1, path: 'a', for: 'receiver disk' }));
    expect(waits.length).toBeGreaterThanOrEqual(3);
    expect(waits.length).toBeLessThanOrEqual(5);
    const types = typesOf(events);
    expect(types.indexOf('waiting')).toBeGreaterThan(types.lastIndexOf('progress'));
    expect(types.lastIndexOf('waiting')).toBeLessThan(types.indexOf('stored'));
  },
);

it('of a receiver that stores at once it tells nothing', async () => {
  expect(typesOf(await send([fileOf('a', 3 * BLOCK_BYTES), fileOf('b', 5)]))).not.toContain('waiting');
});

it('of a long list it tells how far it is, and of a short one nothing', async () => {
  const many = Array.from({ length: 3000 }, (_, number) => fileOf(`some folder/of files/${number}`, 2));
  const counts = (await send(many, 0, true)).flatMap((event) => (event.type === 'counting' ? [event] : []));
  expect(counts.length).toBeGreaterThan(2);
  for (const { entries, bytes } of counts) expect(bytes).toBe(2 * entries);
  const entries = counts.map((event) => event.entries);
  expect(entries).toEqual([...new Set(entries)].sort((a, b) => a - b));
  expect(entries.at(-1)).toBeLessThan(3000);
  expect(typesOf(await send(many.slice(0, 20), 0, true))).not.toContain('counting');
});
