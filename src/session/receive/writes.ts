/** The writes of one file that are under way. */
import { toFtxError, type FtxError } from '../../core/errors.js';
import type { PartFile } from '../../core/sink.js';
import type { DataMessage } from '../../protocol/messages.js';
import type { BlockPlace } from './block-map.js';
import type { Lease } from './block-pool.js';
import type { ZeroBlock } from './zero-blocks.js';

export interface Writes {
  /** Resolves when the write is over. A failure is kept for whenDone(). */
  start(bytes: Uint8Array, offset: number): Promise<void>;
  /** Writes a verified block and releases its memory. */
  startWhole(lease: Lease, head: DataMessage): void;
  /** Writes a run of zeros, which are these blocks. */
  startZeros(run: BlockPlace, blocks: readonly ZeroBlock[]): void;
  /** Resolves when all of them are over; throws the first failure. */
  whenDone(): Promise<void>;
}

/** `onFailure` is called once for each write that fails. */
export function createWrites(part: PartFile, onFailure: (error: FtxError) => void): Writes {
  const running = new Set<Promise<void>>();
  let failure: FtxError | undefined;

  const start = (bytes: Uint8Array, offset: number) => track(part.write(bytes, offset));

  function track(write: Promise<void>): Promise<void> {
    const done = write
      .catch((error: unknown) => {
        failure ??= toFtxError(error);
        onFailure(failure);
      })
      .finally(() => running.delete(done));
    running.add(done);
    return done;
  }

  return {
    start,
    startWhole(lease, { offset, digest }) {
      void start(lease.bytes, offset).then(() => {
        lease.release();
        if (!failure) part.confirm(offset, digest);
      });
    },
    startZeros({ offset, length }, blocks) {
      void track(part.writeZeros(length, offset)).then(() => {
        if (!failure) for (const block of blocks) part.confirm(block.offset, block.digest);
      });
    },
    async whenDone() {
      await Promise.all(running);
      if (failure) throw failure;
    },
  };
}
