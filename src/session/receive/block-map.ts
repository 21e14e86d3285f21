/** The map of one file's blocks: which have arrived, which are to come again, and the digest they add up to. */
import { createFileDigest } from '../../core/checksum.js';
import { FtxError } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import { MAX_BLOCK_REQUESTS } from '../../protocol/constants.js';

export interface BlockPlace {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

export interface ArrivedBlock extends BlockPlace {
  /** The digest that the sender announced for the block. */
  readonly digest: bigint;
  /** Whether the content that arrived has that digest. */
  readonly intact: boolean;
}

export interface BlockMap {
  /** Throws FtxError `protocol` unless a block may come at this place now. With `digest`, a durable block may be replaced only by another one. */
  assertDue(place: BlockPlace, digest?: bigint): void;
  /**
   * Notes a block that was due and has arrived. Returns whether to `keep` it or
   * to ask the sender for it `again`. Throws FtxError `checksum` when it has
   * arrived damaged too often.
   */
  note(block: ArrivedBlock): 'keep' | 'again';
  /** Whether a durable block has arrived anew. */
  isReplaced(offset: number): boolean;
  /** Notes that a durable block is not what it should be, and has to come again. */
  request(offset: number): void;
  /** The end of the furthest block that has arrived, damaged or not, in bytes. */
  reached(): number;
  /** True when no block up to `reached` is missing. */
  isComplete(): boolean;
  /** Bytes that are here and intact. */
  bytes(): number;
  /** The digest of the whole file in hex; only a complete file has one. */
  digest(): string;
}

/**
 * The map of a file of `size` bytes. `size` is null for a stream: its first
 * short block is its last. `durable` are the digests of the blocks that are here
 * from an earlier session; the sender may replace each of them once.
 */
export function createBlockMap(size: number | null, durable: readonly bigint[] = []): BlockMap {
  const digests = [...durable];
  const requests = createRequests();
  const replaced = new Set<number>();
  const durableEnd = Math.min(durable.length * BLOCK_BYTES, size ?? 0);
  let next = durableEnd;
  let bytes = durableEnd;

  function isDue({ offset, length }: BlockPlace, digest: bigint | undefined): boolean {
    const requested = requests.lengthAt(offset);
    if (requested !== undefined) return length === requested;
    if (offset % BLOCK_BYTES !== 0) return false;
    const mayReplace = offset < durableEnd && !replaced.has(offset) && digests[offset / BLOCK_BYTES] !== digest;
    return (
      (offset === next || mayReplace) &&
      (size === null ? length <= BLOCK_BYTES : length === Math.min(BLOCK_BYTES, size - offset))
    );
  }

  return {
    assertDue(place, digest) {
      if (!isDue(place, digest)) throw undueError(place);
    },
    note(block) {
      const { offset, length } = block;
      next = Math.max(next, offset + length);
      if (offset < durableEnd) replaced.add(offset);
      if (!block.intact) {
        requests.add(block);
        return 'again';
      }
      requests.remove(offset);
      if (offset >= durableEnd) bytes += length;
      digests[offset / BLOCK_BYTES] = block.digest;
      return 'keep';
    },
    isReplaced: (offset) => replaced.has(offset),
    request: (offset) => requests.add({ offset, length: Math.min(BLOCK_BYTES, durableEnd - offset) }),
    reached: () => next,
    isComplete: () => requests.isEmpty(),
    bytes: () => bytes,
    digest: () => digestFile(digests),
  };
}

/** The blocks that arrived damaged and that the sender is asked for again. */
function createRequests() {
  /** By offset. */
  const missing = new Map<number, { readonly length: number; asked: number }>();
  return {
    lengthAt: (offset: number) => missing.get(offset)?.length,
    /** Throws FtxError `checksum` when the block was asked for often enough. */
    add({ offset, length }: BlockPlace): void {
      const request = missing.get(offset) ?? { length, asked: 0 };
      if (request.asked === MAX_BLOCK_REQUESTS) throw damagedError(offset, request.asked + 1);
      request.asked += 1;
      missing.set(offset, request);
    },
    remove: (offset: number) => void missing.delete(offset),
    isEmpty: () => missing.size === 0,
  };
}

function undueError({ offset, length }: BlockPlace): FtxError {
  return new FtxError('protocol', `The peer sent a block of ${length} bytes at offset ${offset}, where none is due.`);
}

function damagedError(offset: number, times: number): FtxError {
  return new FtxError('checksum', `The block at offset ${offset} arrived damaged ${times} times. Check the network.`);
}

function digestFile(digests: readonly bigint[]): string {
  const file = createFileDigest();
  for (const digest of digests) file.add(digest);
  return file.value();
}
