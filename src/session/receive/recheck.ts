/** Reads the blocks of an earlier session again before they are believed, beside the transfer of the others. */
import { createBlockDigest } from '../../core/checksum.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import type { PartFile } from '../../core/sink.js';
import type { BlockMap } from './block-map.js';

/** Bytes that are read at once. */
const PIECE_BYTES = 64 * 1024;
/** Blocks that are read at the same time, of all sessions of the process. */
const MAX_READERS = 2;

/** Process-wide: blocks that are being read, and those that wait, in the order in which they came. */
let readers = 0;
const waiting: (() => void)[] = [];

export interface Recheck {
  /**
   * Confirms the durable blocks whose content has the digest that the part file tells. Stops once `isWanted` is false.
   * Calls `onBlock` after each block. Never rejects: a block that cannot be read is wrong.
   */
  run(isWanted: () => boolean, onBlock: () => void): Promise<void>;
  isOver(): boolean;
  /** Returns the offsets of wrong blocks, once each, and notes in the map that they have to come again. None before the end. */
  takeWrong(): readonly number[];
}

/** `size`: bytes of the whole file. */
export function createRecheck(part: PartFile, size: number, map: BlockMap): Recheck {
  let isOver = part.readAgain === undefined;
  let wrong: number[] = [];

  async function check(block: number, digest: bigint, isWanted: () => boolean): Promise<void> {
    const offset = block * BLOCK_BYTES;
    const read = await inTurn(() => digestAgain(part, offset, Math.min(BLOCK_BYTES, size - offset)));
    // The sender may have replaced the block while it was read.
    if (!isWanted() || map.isReplaced(offset)) return;
    if (read === digest) part.confirm(offset, digest);
    else wrong.push(offset);
  }

  return {
    async run(isWanted, onBlock) {
      if (isOver) return;
      for (const [block, digest] of part.durable.entries()) {
        if (!isWanted()) break;
        await check(block, digest, isWanted);
        onBlock();
      }
      isOver = true;
    },
    isOver: () => isOver,
    takeWrong() {
      if (!isOver) return [];
      const taken = wrong.filter((offset) => !map.isReplaced(offset));
      wrong = [];
      for (const offset of taken) map.request(offset);
      return taken;
    },
  };
}

/** Undefined if the block cannot be read. */
async function digestAgain(part: PartFile, offset: number, length: number): Promise<bigint | undefined> {
  const digest = createBlockDigest();
  const memory = new Uint8Array(PIECE_BYTES);
  try {
    for (let done = 0; done < length; done += PIECE_BYTES) {
      const piece = memory.subarray(0, Math.min(PIECE_BYTES, length - done));
      await part.readAgain?.(piece, offset + done);
      digest.update(piece);
    }
    return digest.value();
  } catch {
    return undefined;
  }
}

/** Each file asks for one block after the other, so files take turns. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (readers >= MAX_READERS) await new Promise<void>((resolve) => waiting.push(resolve));
  else readers += 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else readers -= 1;
  }
}
