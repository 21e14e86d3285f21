/** An Inbox without a disk, held to the same contract as the folder. */
import type { Inbox, LeftPart } from '../../src/core/inbox.js';
import { createMemorySink, type KeptPart, type MemoryEntry } from './memory-sink.js';

export interface MemoryStore {
  /** What stands under final names, by path. */
  readonly entries: Map<string, MemoryEntry>;
  /** Transfers that broke off, by bringer and offer. */
  readonly kept: Map<string, KeptPart>;
}

export function createMemoryStore(): MemoryStore {
  return { entries: new Map(), kept: new Map() };
}

export function createMemoryInbox({ entries, kept }: MemoryStore, maxSize: number): Inbox {
  return {
    session: ({ bringer, isKnown, onConflict, isResumable }) =>
      createMemorySink({ isKnown, onConflict, maxSize, entries, ...(isResumable && { keep: { kept, bringer } }) }),
    async *parts(): AsyncGenerator<LeftPart> {
      for (const [id, { path, size, bytes, bringer }] of kept) {
        await Promise.resolve();
        const peer = bringer.kind === 'key' ? bringer.id : bringer.address;
        yield { id, path, peer, size, bytes, ageSeconds: 0, inUse: false };
      }
    },
    close: () => undefined,
  };
}
