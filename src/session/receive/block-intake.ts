/** How the content of data frames gets from the connection into files. */
import { createBlockDigest } from '../../core/checksum.js';
import type { Channel } from '../../protocol/channel.js';
import type { DataMessage } from '../../protocol/messages.js';
import type { BlockPool, Lease } from './block-pool.js';
import type { IncomingFile } from './incoming-file.js';
import type { ReceiverWatch } from '../shares.js';

/** Blocks up to this, and the pieces of larger ones, get memory of their own: a pooled megabyte would be wasted on them. */
const PIECE_BYTES = 64 * 1024;
/** Pooled blocks one session may hold while the disk writes them. */
const MAX_HELD = 8;
/** A block that takes longer to arrive comes from a sender that is too slow to hold pooled memory for. */
const SLOW_MS = 250;

/**
 * A block is read whole into pooled memory and written while the next one
 * arrives. While the pool is empty, and always for slow senders, it goes to
 * disk in small pieces as they come: nobody waits for memory that somebody
 * slower holds, and memory does not follow the number of senders.
 */
export class BlockIntake {
  readonly #channel: Channel;
  readonly #pool: BlockPool;
  readonly #watch: ReceiverWatch;
  #held = 0;
  #slow = false;
  #wake: () => void = () => undefined;

  constructor(channel: Channel, pool: BlockPool, watch: ReceiverWatch) {
    this.#channel = channel;
    this.#pool = pool;
    this.#watch = watch;
  }

  /**
   * Reads the content behind a data head into the file. Undefined if the file
   * was given up meanwhile. Throws FtxError `checksum` when the block stays
   * damaged, and what reading from the channel throws.
   */
  async take(head: DataMessage, file: IncomingFile, isOpen: () => boolean): Promise<'keep' | 'again' | undefined> {
    this.#watch.enter('disk');
    while (this.#held >= MAX_HELD) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#watch.enter('cpu');
    const lease = this.#lease(head.length);
    const started = performance.now();
    const verdict = lease ? this.#takeWhole(head, file, lease, isOpen) : this.#takeInPieces(head, file, isOpen);
    return verdict.finally(() => (this.#slow = performance.now() - started > SLOW_MS));
  }

  #lease(length: number): Lease | undefined {
    if (length <= PIECE_BYTES) return { bytes: Buffer.allocUnsafe(length), release: () => undefined };
    const block = this.#slow ? undefined : this.#pool.take();
    if (!block) return undefined;
    this.#held += 1;
    const release = () => {
      this.#held -= 1;
      block.release();
      this.#wake();
    };
    return { bytes: block.bytes.subarray(0, length), release };
  }

  async #takeWhole(head: DataMessage, file: IncomingFile, lease: Lease, isOpen: () => boolean) {
    try {
      await this.#read(lease.bytes);
    } catch (error) {
      lease.release();
      throw error;
    }
    if (isOpen()) return file.arrive(head, lease);
    lease.release();
    return undefined;
  }

  async #takeInPieces(head: DataMessage, file: IncomingFile, isOpen: () => boolean) {
    const digest = createBlockDigest();
    const memory = Buffer.allocUnsafe(PIECE_BYTES);
    for (let done = 0; done < head.length;) {
      const piece = memory.subarray(0, Math.min(PIECE_BYTES, head.length - done));
      await this.#read(piece);
      digest.update(piece);
      this.#watch.enter('disk');
      if (isOpen()) await file.writePiece(piece, head.offset + done);
      this.#watch.enter('cpu');
      done += piece.length;
    }
    return isOpen() ? file.arriveInPieces(head, digest.value()) : undefined;
  }

  async #read(target: Uint8Array): Promise<void> {
    this.#watch.enter('network');
    await this.#channel.readContent(target);
    this.#watch.enter('cpu');
  }
}
