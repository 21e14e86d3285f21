import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import type { TransferEvent } from '../../src/core/events.js';
import { digestBlock } from '../../src/core/checksum.js';
import type { Bringer } from '../../src/core/inbox.js';
import { makeContent } from '../support/folders.js';
import { connectionPair } from '../support/memory-connection.js';
import { createMemorySink, type KeptPart, type MemoryEntry } from '../support/memory-sink.js';
import { createMemorySource } from '../support/memory-source.js';
import { runReceiver, runSender } from '../support/session.js';

const BLOCKS = 6;
const content = makeContent(BLOCKS * BLOCK_BYTES, 3);
const digests = Array.from({ length: BLOCKS }, (_, block) =>
  digestBlock(content.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES)),
);
const bringer: Bringer = { kind: 'none', address: '192.0.2.7' };

interface Before {
  /** Blocks that the receiver has. */
  readonly there?: number;
  /** Digests that the sender knows. */
  readonly known?: number;
  /** What stands under the name. */
  readonly present?: Uint8Array;
}

async function sendAfter({ there = 0, known = 0, present }: Before): Promise<TransferEvent[]> {
  const part: KeptPart = {
    ...{ bringer, path: 'f', size: content.length, bytes: there * BLOCK_BYTES },
    ...{ content: Uint8Array.from(content), digests: digests.slice(0, there) },
  };
  const kept = new Map(there > 0 ? [[JSON.stringify([bringer, 'f', content.length, '0']), part]] : []);
  const entries = new Map<string, MemoryEntry>(
    present ? [['f', { kind: 'file', content: present, mode: 0o644, mtimeNs: 0n }]] : [],
  );
  const journal = {
    load: () => Promise.resolve(digests.slice(0, known)),
    note: () => undefined,
    save: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  };
  const [left, right] = connectionPair();
  const receiver = runReceiver(right, createMemorySink({ entries, keep: { kept, bringer } }));
  const sender = runSender(left, [{ ...createMemorySource('f', content), journal }]);
  expect(await sender.result).toMatchObject({ stored: 1 });
  await receiver.result;
  return sender.events;
}

const changed = Uint8Array.from(content);
changed[0]! ^= 1;

describe.each<[string, Before, { resumed?: number; compared: number; progress: number }]>([
  ['a new file', {}, { compared: 0, progress: BLOCKS }],
  ['a file that goes on', { there: 4, known: 4 }, { resumed: 4, compared: 0, progress: 2 }],
  ['a file that goes on with more digests', { there: 4, known: 5 }, { resumed: 4, compared: 0, progress: 2 }],
  ['a file whose digests are gone', { there: 4 }, { resumed: 4, compared: 5, progress: 2 }],
  ['a file whose last digests are lost', { there: 4, known: 3 }, { resumed: 4, compared: 2, progress: 2 }],
  ['a file that is there', { present: content }, { compared: BLOCKS, progress: 0 }],
  ['a file that is there with other content', { present: changed }, { compared: BLOCKS, progress: BLOCKS }],
])('of %s', (_what, before, { resumed, compared, progress }) => {
  it('what is only read is told apart from what moves, and nothing goes backwards', async () => {
    const events = await sendAfter(before);
    const of = (type: string) =>
      events.flatMap((event) => (event.type === type && 'bytes' in event ? [event.bytes] : []));
    expect(of('resumed')).toEqual(resumed === undefined ? [] : [resumed * BLOCK_BYTES]);
    expect(of('comparing')).toHaveLength(compared);
    const moved = [...of('resumed'), ...of('progress')];
    expect(moved).toHaveLength(progress + of('resumed').length);
    expect(moved).toEqual([...new Set(moved)].sort((a, b) => a - b));
    for (const event of events) if (event.type === 'comparing') expect(event.bytes).toBeLessThanOrEqual(event.of);
  });
});
