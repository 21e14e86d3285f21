/** One entry on its way out, and what the receiver may answer to it. */
import { FtxError } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import { MAX_BLOCK_REQUESTS, MIN_STORED_BYTES_PER_SECOND, type Timeouts } from '../../protocol/constants.js';
import type { ReadyMessage } from '../../protocol/messages.js';
import type { Source } from '../../core/source.js';

/** An entry that has not come to its end. */
export interface OpenEntry {
  readonly id: number;
  readonly source: Source;
  /** performance.now() of the offer. */
  readonly started: number;
  /** The answer that the receiver owes, and since when; undefined while it owes none. */
  awaited: { readonly what: 'an answer to the offer' | 'stored'; readonly since: number } | undefined;
  /** Bytes in hex that the receiver wants a proof of the content to begin with. */
  nonce?: string | undefined;
  /** True while the receiver may still find that the file it has differs, and ask for all of the content. */
  mayStartOver?: boolean;
  /** How many blocks the receiver has asked for again. */
  asked?: number;
  /** The receiver has announced digests of all blocks up to byte `offset`. `digests`: those that have come. */
  have?: { readonly offset: number; readonly digests: bigint[] };
  /** How often the receiver has had the sender offer the entry again, because a newer transfer of the sender had it. */
  readonly follows?: number;
  /** Set once all content has been sent. */
  ended?: SentFile | undefined;
  /** The pack that the entry is in. */
  readonly pack?: OpenPack;
}

/** A pack that the receiver has not answered by `packed`. */
export interface OpenPack {
  /** Of its first entry. */
  readonly id: number;
  /** In order of their ids. Some may have come to their end. */
  readonly entries: readonly OpenEntry[];
  /** What the receiver owes for each entry that is open. */
  readonly awaited: { readonly what: 'stored'; since: number };
  /** Set once the receiver has found it damaged. */
  isCut: boolean;
}

/** Digest and size of a file whose content has all been sent. */
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

/** Takes a `ready`. Returns the content to send; undefined if digests have to come first. Throws FtxError `protocol`. */
export function takeReady(entry: OpenEntry, { offset, have, nonce }: ReadyMessage): Task | undefined {
  const { kind, size } = entry.source.entry;
  // A second ready comes after all was sent, if the file that the receiver has turns out to differ.
  const isFirst = entry.awaited?.what === 'an answer to the offer' && !entry.have;
  const isExpected = isFirst || (entry.mayStartOver && entry.ended && offset === 0 && !have);
  const isPlace = offset === size || (offset < (size ?? 1) && offset % BLOCK_BYTES === 0);
  if (kind !== 'file' || !isExpected || !isPlace)
    throw new FtxError('protocol', 'The receiver is ready for what was not offered.');
  entry.mayStartOver = isFirst && !have && offset === size;
  entry.ended = undefined;
  entry.nonce = entry.mayStartOver ? nonce : undefined;
  if (have && offset > 0) {
    entry.have = { offset, digests: [] };
    return undefined;
  }
  entry.awaited = undefined;
  return { entry, offset, have: [] };
}

/** Takes an `again`. Returns the one block to send again. Throws FtxError `protocol` for a block that the receiver may not ask for, or asks for too often. */
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

/** Takes a `have`. Returns the content to send once the last announced digest has come; undefined before. Throws FtxError `protocol`. */
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

/** Returns the answer that is overdue, in words for the message; undefined if none is. `moved` and `alive`: performance.now() when content last moved, and when the receiver last told what it is doing. */
export function findOverdue(
  { awaited, ended }: OpenEntry,
  timeouts: Timeouts,
  { moved, alive }: { readonly moved: number; readonly alive: number },
): string | undefined {
  if (!awaited) return undefined;
  const readingMs = (1000 * (ended?.size ?? 0)) / MIN_STORED_BYTES_PER_SECOND;
  // A receiver that tells what it is doing may wait for its disk, or for an older session of this sender.
  const isAlive = performance.now() - alive < timeouts.controlMs;
  const answerMs = isAlive ? timeouts.storedMs : timeouts.controlMs;
  const limitMs = awaited.what === 'stored' ? timeouts.storedMs + readingMs : answerMs;
  if (performance.now() - Math.max(awaited.since, moved) < limitMs) return undefined;
  return `${awaited.what} within ${Math.round(limitMs / 1000)} s`;
}
