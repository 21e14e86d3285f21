/** One file on its way into a sink: blocks verified and written, then the whole committed. */
import { createFileDigest, digestBlock } from '../../core/checksum.js';
import { FtxError, toFtxError } from '../../core/errors.js';
import type { PartFile, Placed, PresentFile } from '../../core/sink.js';
import type { DataMessage } from '../../protocol/messages.js';
import { createBlockMap, type BlockPlace } from './block-map.js';
import type { Lease } from './block-pool.js';

/** What `end` says of a file. */
export interface FileEnd {
  readonly digest: string;
  readonly size: number;
}

export interface IncomingFile {
  /** Throws FtxError `protocol` for a block that is not due here. */
  assertDue(place: BlockPlace): void;
  /** Writes part of an expected block before it is verified: what is wrong will be written again. Never rejects. */
  writePiece(piece: Uint8Array, offset: number): Promise<void>;
  /**
   * Begins to write an expected block that is in `lease`, and gives the lease
   * back when it is written, or at once. Throws FtxError `checksum`.
   */
  arrive(head: DataMessage, lease: Lease): 'keep' | 'again';
  /** An expected block of this digest has been written piece by piece. Throws FtxError `checksum`. */
  arriveInPieces(head: DataMessage, digest: bigint): 'keep' | 'again';
  /** All blocks have been sent, though some may come again. Throws FtxError `protocol` at a second one. */
  end(end: FileEnd): void;
  isComplete(): boolean;
  /** Bytes that have arrived whole. */
  bytes(): number;
  /** Of a complete file. */
  digest(): string;
  /** Verifies and commits; call it once, when complete. */
  commit(): Promise<Placed>;
  /** Ends it once nothing is being written: `keep` what a later session can go on with, or remove everything. */
  close(keep: boolean): Promise<void>;
}

/** `onWriteFailure` hears of a failed write as soon as it happens. */
export function createIncomingFile(
  part: PartFile,
  size: number | null,
  onWriteFailure: (error: FtxError) => void,
): IncomingFile {
  const map = createBlockMap(size, part.durable);
  const writes = createWrites(part, onWriteFailure);
  let announced: FileEnd | undefined;

  return {
    assertDue: (place) => map.assertDue(place),
    writePiece: (piece, offset) => writes.start(piece, offset),
    arriveInPieces(head, digest) {
      const verdict = map.note({ ...head, intact: digest === head.digest });
      if (verdict === 'keep') part.confirm(head.offset, digest);
      return verdict;
    },
    arrive(head, lease) {
      let verdict: 'keep' | 'again' | undefined;
      try {
        verdict = map.note({ ...head, intact: digestBlock(lease.bytes) === head.digest });
        return verdict;
      } finally {
        if (verdict === 'keep') writes.startWhole(lease, head);
        else lease.release();
      }
    },
    end(end) {
      if (announced || end.size !== (size ?? end.size) || end.size !== map.reached()) throw endError();
      announced = end;
    },
    isComplete: () => announced !== undefined && map.isComplete(),
    bytes: () => map.bytes(),
    digest: () => map.digest(),
    async commit() {
      await writes.whenDone();
      if (map.digest() !== announced?.digest)
        throw new FtxError('checksum', 'The whole file has another digest than the sender computed. Send it again.');
      return part.commit(announced.size);
    },
    async close(keep) {
      const written = await writes.whenDone().then(
        () => true,
        () => false,
      );
      await (keep && written ? part.suspend() : part.discard());
    },
  };
}

export function endError(): FtxError {
  return new FtxError('protocol', 'The peer ended a file twice, or at another size than it announced and sent.');
}

interface Writes {
  /** Resolves when the write is over, well or not. */
  start(bytes: Uint8Array, offset: number): Promise<void>;
  /** Writes a verified block and gives its memory back. */
  startWhole(lease: Lease, head: DataMessage): void;
  /** Resolves when all of them are over; throws the first failure. */
  whenDone(): Promise<void>;
}

function createWrites(part: PartFile, onFailure: (error: FtxError) => void): Writes {
  const running = new Set<Promise<void>>();
  let failure: FtxError | undefined;

  function start(bytes: Uint8Array, offset: number): Promise<void> {
    const done = part
      .write(bytes, offset)
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
    async whenDone() {
      await Promise.all(running);
      if (failure) throw failure;
    },
  };
}

/**
 * Whether a file that is there already has the content that `end` describes.
 * False as well when another file took its place meanwhile. Stops when `onBlock` throws.
 */
export async function isSameFile(present: PresentFile, end: FileEnd, onBlock: () => void): Promise<boolean> {
  const digest = createFileDigest();
  try {
    for await (const block of present.blocks()) {
      onBlock();
      digest.add(digestBlock(block));
    }
  } catch (error) {
    if (error instanceof FtxError && error.code === 'changed') return false;
    throw error;
  }
  return digest.value() === end.digest;
}
