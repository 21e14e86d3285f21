/** Which blocks of a file have arrived, which are to come again, and the digest they add up to. */
import { createFileDigest } from '../../core/checksum.js';
import { FtxError } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import { MAX_BLOCK_REQUESTS } from '../../protocol/constants.js';

export interface BlockPlace {
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly length: number;
}

export interface ArrivedBlock extends BlockPlace {
  /** What the sender says the digest is. */
  readonly digest: bigint;
  /** Whether the content has that digest. */
  readonly intact: boolean;
}

export interface BlockLedger {
  /** Throws FtxError `protocol` for a block that has no place here. */
  expect(place: BlockPlace): void;
  /** Notes an expected block. `keep` it, or ask for it `again`. Throws FtxError `checksum` for one that stays damaged. */
  note(block: ArrivedBlock): 'keep' | 'again';
  /** The end of the furthest block that has arrived, damaged or not. */
  reached(): number;
  /** True when no block up to there is missing. */
  isComplete(): boolean;
  /** Bytes that are here. */
  bytes(): number;
  /** Of a complete file. */
  digest(): string;
}

/**
 * `size` is null for a stream: its first short block is its last. `durable` are
 * the digests of blocks from an earlier session; the sender may replace each once.
 */
export function createBlockLedger(size: number | null, durable: readonly bigint[] = []): BlockLedger {
  const digests = [...durable];
  /** Blocks asked for again, by offset. */
  const missing = new Map<number, { readonly length: number; asked: number }>();
  const replaced = new Set<number>();
  const durableEnd = Math.min(durable.length * BLOCK_BYTES, size ?? 0);
  let next = durableEnd;
  let bytes = durableEnd;

  function isDue(offset: number): boolean {
    if (offset % BLOCK_BYTES !== 0) return false;
    return offset === next || (offset < durableEnd && !replaced.has(offset));
  }

  function lengthFits(offset: number, length: number): boolean {
    return size === null ? length <= BLOCK_BYTES : length === Math.min(BLOCK_BYTES, size - offset);
  }

  function expectBlock({ offset, length }: BlockPlace): void {
    const awaited = missing.get(offset);
    if (awaited ? length !== awaited.length : !(isDue(offset) && lengthFits(offset, length)))
      throw new FtxError(
        'protocol',
        `The peer sent a block of ${length} bytes at offset ${offset}, where none is due.`,
      );
  }

  function askAgain({ offset, length }: ArrivedBlock): 'again' {
    const request = missing.get(offset) ?? { length, asked: 0 };
    if (request.asked === MAX_BLOCK_REQUESTS)
      throw new FtxError(
        'checksum',
        `The block at offset ${offset} arrived damaged ${request.asked + 1} times. Check the network.`,
      );
    request.asked += 1;
    missing.set(offset, request);
    return 'again';
  }

  return {
    expect: expectBlock,
    note(block) {
      const { offset, length } = block;
      next = Math.max(next, offset + length);
      if (offset < durableEnd) replaced.add(offset);
      if (!block.intact) return askAgain(block);
      missing.delete(offset);
      if (offset >= durableEnd) bytes += length;
      digests[offset / BLOCK_BYTES] = block.digest;
      return 'keep';
    },
    reached: () => next,
    isComplete: () => missing.size === 0,
    bytes: () => bytes,
    digest: () => digestFile(digests),
  };
}

function digestFile(digests: readonly bigint[]): string {
  const file = createFileDigest();
  for (const digest of digests) file.add(digest);
  return file.value();
}
