/** One entry on its way out, and what the receiver may answer to it. */
import { FtxError } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import { MAX_BLOCK_REQUESTS, MIN_STORED_BYTES_PER_SECOND, type Timeouts } from '../../protocol/constants.js';
import type { Source } from '../../core/source.js';

/** An entry that has not come to its end. */
export interface OpenEntry {
  readonly id: number;
  readonly source: Source;
  /** performance.now() of the offer. */
  readonly started: number;
  /** What the receiver has to answer, and since when; undefined while it is our turn. */
  awaited: { readonly what: 'an answer to the offer' | 'stored'; readonly since: number } | undefined;
  /** True while the receiver may still find that what it has is another file, and start over. */
  mayStartOver?: boolean;
  /** Blocks that the receiver has asked for again. */
  asked?: number;
  /** Digests that the receiver announced, and those that have come. */
  have?: { readonly offset: number; readonly digests: bigint[] };
  /** Set once all of it has been sent. */
  ended?: SentFile | undefined;
}

/** What the receiver must have once all was sent. */
export interface SentFile {
  /** 16 hex digits. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** Content to send: all of an entry from an offset, or one block of it once more. */
export interface Task {
  readonly entry: OpenEntry;
  readonly offset: number;
  /** Digests of the blocks that the receiver has. */
  readonly have: readonly bigint[];
}

/** What is to be sent now, if anything. Throws FtxError `protocol`. */
export function takeReady(entry: OpenEntry, offset: number, have: boolean): Task | undefined {
  const { kind, size } = entry.source.entry;
  // A second ready comes when all was sent, but what the receiver had turned out to be another file.
  const isFirst = entry.awaited?.what === 'an answer to the offer' && !entry.have;
  const isExpected = isFirst || (entry.mayStartOver && entry.ended && offset === 0 && !have);
  const isPlace = offset === size || (offset < (size ?? 1) && offset % BLOCK_BYTES === 0);
  if (kind !== 'file' || !isExpected || !isPlace)
    throw new FtxError('protocol', 'The receiver is ready for what was not offered.');
  entry.mayStartOver = isFirst && !have && offset === size;
  entry.ended = undefined;
  if (have && offset > 0) {
    entry.have = { offset, digests: [] };
    return undefined;
  }
  entry.awaited = undefined;
  return { entry, offset, have: [] };
}

/** One block once more. Throws FtxError `protocol` when it is asked for more often than a receiver may. */
export function takeAgain(entry: OpenEntry, offset: number): Task {
  const { size } = entry.source.entry;
  const blocks = Math.ceil((size ?? Infinity) / BLOCK_BYTES);
  entry.asked = (entry.asked ?? 0) + 1;
  const isSent = entry.awaited?.what !== 'an answer to the offer' && entry.source.entry.kind === 'file';
  if (
    !isSent ||
    offset % BLOCK_BYTES !== 0 ||
    offset >= (size ?? Infinity) ||
    entry.asked > MAX_BLOCK_REQUESTS * blocks
  )
    throw new FtxError('protocol', `The receiver asked again for a block at offset ${offset}, which it may not.`);
  return { entry, offset, have: [] };
}

/** As takeReady; the task comes with the last digest. */
export function takeHave(entry: OpenEntry, digests: readonly bigint[]): Task | undefined {
  const { have } = entry;
  const expected = Math.ceil((have?.offset ?? 0) / BLOCK_BYTES);
  if (!have || have.digests.length + digests.length > expected)
    throw new FtxError('protocol', 'The receiver sent digests that it did not announce.');
  have.digests.push(...digests);
  if (have.digests.length < expected) return undefined;
  entry.awaited = undefined;
  return { entry, offset: have.offset, have: have.digests };
}

/** What the receiver has owed for too long while nothing moved since `moved`, a reading of performance.now(). */
export function findOverdue({ awaited, ended }: OpenEntry, timeouts: Timeouts, moved: number): string | undefined {
  if (!awaited) return undefined;
  const readingMs = (1000 * (ended?.size ?? 0)) / MIN_STORED_BYTES_PER_SECOND;
  const limitMs = awaited.what === 'stored' ? timeouts.storedMs + readingMs : timeouts.controlMs;
  if (performance.now() - Math.max(awaited.since, moved) < limitMs) return undefined;
  return `${awaited.what} within ${Math.round(limitMs / 1000)} s`;
}
