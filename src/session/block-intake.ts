/** How the content of data frames gets from the connection into files. */
import { createBlockDigest } from '../checksum.js';
import type { Channel } from '../protocol/channel.js';
import type { DataMessage } from '../protocol/messages.js';
import type { BlockPool, Lease } from './block-pool.js';
import type { IncomingFile } from './incoming-file.js';

/** Blocks up to this, and the pieces of larger ones, get memory of their own: a pooled megabyte would be wasted on them. */
const PIECE_BYTES = 64 * 1024;
/** Pooled blocks one session may hold while the disk writes them. */
const MAX_HELD = 6;
/** A block that takes longer to arrive comes from a sender that is too slow to hold pooled memory for. */
const SLOW_MS = 250;

export interface BlockIntake {
  /** Reads the content behind a data head into the file. Undefined if the file was given up meanwhile. */
  take(head: DataMessage, file: IncomingFile, isOpen: () => boolean): Promise<'keep' | 'again' | undefined>;
}

/**
 * A block is read whole into pooled memory and written while the next one
 * arrives. While the pool is empty, and always for slow senders, it goes to
 * disk in small pieces as they come: nobody waits for memory that somebody
 * slower holds, and memory does not follow the number of senders.
 */
export function createBlockIntake(channel: Channel, pool: BlockPool): BlockIntake {
  let held = 0;
  let slow = false;
  let wake: () => void = () => undefined;

  function lease(length: number): Lease | undefined {
    if (length <= PIECE_BYTES) return { bytes: Buffer.allocUnsafe(length), release: () => undefined };
    const block = slow ? undefined : pool.take();
    if (!block) return undefined;
    held += 1;
    const release = () => {
      held -= 1;
      block.release();
      wake();
    };
    return { bytes: block.bytes.subarray(0, length), release };
  }

  async function takeWhole(head: DataMessage, file: IncomingFile, memory: Lease, isOpen: () => boolean) {
    try {
      await channel.readContent(memory.bytes);
    } catch (error) {
      memory.release();
      throw error;
    }
    if (isOpen()) return file.arrive(head, memory);
    memory.release();
    return undefined;
  }

  async function takeInPieces(head: DataMessage, file: IncomingFile, isOpen: () => boolean) {
    const digest = createBlockDigest();
    const memory = Buffer.allocUnsafe(PIECE_BYTES);
    for (let done = 0; done < head.length; ) {
      const piece = memory.subarray(0, Math.min(PIECE_BYTES, head.length - done));
      await channel.readContent(piece);
      digest.update(piece);
      if (isOpen()) await file.writePiece(piece, head.offset + done);
      done += piece.length;
    }
    return isOpen() ? file.arriveInPieces(head, digest.value()) : undefined;
  }

  return {
    async take(head, file, isOpen) {
      while (held >= MAX_HELD) await new Promise<void>((resolve) => (wake = resolve));
      const memory = lease(head.length);
      const started = performance.now();
      const verdict = memory ? await takeWhole(head, file, memory, isOpen) : await takeInPieces(head, file, isOpen);
      slow = performance.now() - started > SLOW_MS;
      return verdict;
    },
  };
}
