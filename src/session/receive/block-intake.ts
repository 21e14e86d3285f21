/** Reads the content of data frames from the connection into files. */
import { createBlockDigest } from '../../core/checksum.js';
import type { Channel } from '../../protocol/channel.js';
import type { DataMessage } from '../../protocol/messages.js';
import type { BlockPool, Lease } from './block-pool.js';
import type { IncomingFile } from './incoming-file.js';
import type { ReceiverWatch } from '../shares.js';

/** A block of up to this many bytes gets memory of its own, as a piece of a larger one does: a pooled megabyte is too much. */
const PIECE_BYTES = 64 * 1024;
/** One session holds at most this many pooled blocks while the disk writes them. */
const MAX_HELD = 8;
/** After a block that took longer than this to arrive, the sender counts as slow. */
const SLOW_MS = 250;

/**
 * A block is read as a whole into pooled memory and written while the next one
 * arrives. When the pool is empty, and always for a slow sender, the block goes
 * to disk in small pieces as they come. So no sender waits for memory that a
 * slower one holds, and memory does not grow with the number of senders.
 */
export class BlockIntake {
  readonly #channel: Channel;
  readonly #pool: BlockPool;
  readonly #watch: ReceiverWatch;
  readonly #onUse: () => void;
  #held = 0;
  #slow = false;
  #wake: () => void = () => undefined;

  /** `onUse` is called as content of open files arrives. */
  constructor(channel: Channel, pool: BlockPool, watch: ReceiverWatch, onUse: () => void = () => undefined) {
    this.#channel = channel;
    this.#pool = pool;
    this.#watch = watch;
    this.#onUse = onUse;
  }

  /**
   * Reads the content that follows `head` into `file`. Resolves with whether the
   * block is kept or must come `again`; undefined if `isOpen` says that the file was
   * given up meanwhile. Throws FtxError `checksum` when the block stays damaged,
   * and what Channel.readContent throws.
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

  /** Memory for a block; undefined if the block is to go to disk in pieces. */
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
      await this.#read(lease.bytes, isOpen);
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
      await this.#read(piece, isOpen);
      digest.update(piece);
      this.#watch.enter('disk');
      if (isOpen()) await file.writePiece(piece, head.offset + done);
      this.#watch.enter('cpu');
      done += piece.length;
    }
    return isOpen() ? file.arriveInPieces(head, digest.value()) : undefined;
  }

  async #read(target: Uint8Array, isOpen: () => boolean): Promise<void> {
    this.#watch.enter('network');
    await this.#channel.readContent(target, () => isOpen() && this.#onUse());
    this.#watch.enter('cpu');
  }
}
