/** Which blocks of a file have arrived, which are to come again, and the digest they add up to. */
import { createFileDigest } from '../checksum.js';
import { FtxError } from '../errors.js';
import { BLOCK_BYTES } from '../ports.js';
import { MAX_BLOCK_REQUESTS } from '../protocol/constants.js';

/** Blocks that may arrive after one that is still missing: 1 GiB in flight. */
const MAX_AHEAD = 1024;

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
  /**
   * Notes an expected block. `keep` it, or ask for it `again`. Throws FtxError
   * `checksum` for one that stays damaged, or when too many wait for one.
   */
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

/** `size` is null for a stream: its first short block is its last. */
export function createBlockLedger(size: number | null): BlockLedger {
  const digest = createFileDigest();
  /** Blocks asked for again, by offset. */
  const missing = new Map<number, { readonly length: number; asked: number }>();
  /** Digests of blocks behind a missing one, by offset. */
  const ahead = new Map<number, bigint>();
  let next = 0;
  let digested = 0;
  let bytes = 0;

  function lengthFits(offset: number, length: number): boolean {
    return size === null ? length <= BLOCK_BYTES : length === Math.min(BLOCK_BYTES, size - offset);
  }

  function expectBlock({ offset, length }: BlockPlace): void {
    const awaited = missing.get(offset);
    const due = offset === next && offset % BLOCK_BYTES === 0 && lengthFits(offset, length);
    if (awaited ? length !== awaited.length : !due)
      throw new FtxError('protocol', `The peer sent a block of ${length} bytes at offset ${offset}, where none is due.`);
  }

  function askAgain({ offset, length }: ArrivedBlock): 'again' {
    const request = missing.get(offset) ?? { length, asked: 0 };
    if (request.asked === MAX_BLOCK_REQUESTS)
      throw new FtxError('checksum', `The block at offset ${offset} arrived damaged ${request.asked + 1} times. Check the network.`);
    request.asked += 1;
    missing.set(offset, request);
    return 'again';
  }

  /** The digest of a file takes those of its blocks in order. */
  function digestInOrder(offset: number, blockDigest: bigint): void {
    ahead.set(offset, blockDigest);
    for (let due = ahead.get(digested); due !== undefined; due = ahead.get(digested)) {
      ahead.delete(digested);
      digest.add(due);
      digested += BLOCK_BYTES;
    }
  }

  return {
    expect: expectBlock,
    note(block) {
      next = Math.max(next, block.offset + block.length);
      if (!block.intact) return askAgain(block);
      if (!missing.delete(block.offset) && ahead.size >= MAX_AHEAD)
        throw new FtxError('checksum', `A damaged block was not sent again within ${MAX_AHEAD} blocks.`);
      bytes += block.length;
      digestInOrder(block.offset, block.digest);
      return 'keep';
    },
    reached: () => next,
    isComplete: () => missing.size === 0,
    bytes: () => bytes,
    digest: () => digest.value(),
  };
}
