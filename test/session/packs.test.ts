/** Many small files between both sides: in packs, and however these fare. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { HEADER_BYTES, PACK_PREFIX_BYTES } from '../../src/protocol/constants.js';
import { createMemorySink, type MemoryEntry, type MemorySinkOptions } from '../support/memory-sink.js';
import { createMemorySource } from '../support/memory-source.js';
import { pool, POOL_BLOCKS, transfer } from '../support/session.js';

/** The type of a pack on the wire. */
const PACK = 18;
/** More than one pack. */
const sources = Array.from({ length: 400 }, (_, number) =>
  createMemorySource(`folder ${number % 7}/file ${number}`, randomBytes((number * 97) % 9000)),
);

async function expectAll(options: MemorySinkOptions, tamper?: (part: Uint8Array) => readonly Uint8Array[]) {
  const { sent, received, sink, receiver, sender } = await transfer(sources, createMemorySink(options), tamper);
  expect(sent).toMatchObject({ stored: 400, failed: 0, refused: 0 });
  expect(received).toMatchObject({ stored: 400, failed: 0, refused: 0 });
  for (const source of sources) {
    const content: Uint8Array[] = [];
    for await (const block of source.blocks(0)) content.push(block);
    const there = sink.entries.get(source.entry.path);
    expect(there?.kind === 'file' && Buffer.compare(there.content, Buffer.concat(content))).toBe(0);
  }
  const digestsOf = (events: typeof sender.events) =>
    events.flatMap((event) => (event.type === 'stored' ? [`${event.path} ${event.digest}`] : [])).sort();
  expect(digestsOf(sender.events)).toEqual(digestsOf(receiver.events));
  return { sink };
}

describe.each([
  ['together', true],
  ['singly', false],
] as const)('many small files that a receiver stores %s', (_, storesTogether) => {
  it('arrive', async () => {
    const { sink } = await expectAll({ storesTogether });
    expect(sink.parts.size).toBe(0);
  });

  it('arrive where the receiver has no memory to spare', async () => {
    const leases = Array.from({ length: POOL_BLOCKS }, () => pool.take());
    try {
      await expectAll({ storesTogether });
    } finally {
      for (const lease of leases) lease?.release();
    }
  });

  it('arrive by themselves where their packs are damaged', async () => {
    let damaged = 0;
    let isPack = false;
    await expectAll({ storesTogether }, (part) => {
      if (isPack) part[Math.floor(part.length / 3)]! ^= 1;
      if (isPack) damaged += 1;
      // The entries of a pack follow its head in a part of their own.
      isPack = part.length === HEADER_BYTES + PACK_PREFIX_BYTES && part[0] === PACK;
      return [part];
    });
    expect(damaged).toBeGreaterThan(1);
  });

  it('are left where they are there already', async () => {
    const entries = new Map<string, MemoryEntry>();
    await expectAll({ storesTogether, entries });
    const before = entries.size;
    await expectAll({ storesTogether, entries });
    expect(entries.size).toBe(before);
  });
});
