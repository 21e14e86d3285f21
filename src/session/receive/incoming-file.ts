/** One file on its way into a sink: its blocks are verified and written, and then the whole is verified and committed. */
import { digestBlock } from '../../core/checksum.js';
import { FtxError, isResumable, toFtxError } from '../../core/errors.js';
import type { PartFile, Placed } from '../../core/sink.js';
import type { DataMessage } from '../../protocol/messages.js';
import { createBlockMap, type BlockPlace } from './block-map.js';
import type { Lease } from './block-pool.js';
import { createRecheck } from './recheck.js';
import { createWrites, type Writes } from './writes.js';
import { noteZeros } from './zero-blocks.js';

/** What the sender says in `end`. */
export interface FileEnd {
  /** Of the whole file, in hex. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** SHA-256 of the nonce and the content, in hex, if it was asked for. */
  readonly proof?: string | undefined;
}

export interface IncomingFile {
  /** Throws FtxError `protocol` unless a block may come at this place now. */
  assertDue(place: BlockPlace): void;
  /** Writes a piece of a block before the block is verified: a damaged one will be written again. Never rejects. */
  writePiece(piece: Uint8Array, offset: number): Promise<void>;
  /**
   * Takes a whole block, which is in `lease`. Begins to write it if it is intact.
   * Releases the lease when it is written, or at once. Throws FtxError `checksum`
   * when the block has arrived damaged too often.
   */
  arrive(head: DataMessage, lease: Lease): 'keep' | 'again';
  /** As arrive(), for a block that was written piece by piece and whose content has this digest. */
  arriveInPieces(head: DataMessage, digest: bigint): 'keep' | 'again';
  /** Takes a run of whole blocks of zeros. Throws FtxError `protocol` unless each of them may come now. */
  arriveZeros(run: BlockPlace): 'keep';
  /** The sender has sent all blocks, though some may come again. Throws FtxError `protocol` at a second `end`. */
  end(end: FileEnd): void;
  /** Reads the durable blocks again if somebody may have touched them. `isWanted`: the file is still being received. Calls `onBlock` after each. Never rejects. */
  recheck(isWanted: () => boolean, onBlock: () => void): Promise<void>;
  /** Returns the offsets of durable blocks that turned out wrong and have to come again. None before the `end`: the sender may still replace them by itself, and each may come only once. */
  takeWrong(): readonly number[];
  /** Whether the `end` and all blocks are here, and all durable blocks are right. */
  isComplete(): boolean;
  /** Bytes of the blocks that are here and intact. */
  bytes(): number;
  /** The digest of the whole file in hex; only a complete file has one. */
  digest(): string;
  /**
   * Verifies the digest of a complete file and commits it. Call it once. Throws
   * FtxError `checksum`, the failure of a write, or what PartFile.commit throws.
   */
  commit(): Promise<Placed>;
  /**
   * Waits for the writes. Then keeps what a later session can build on, or removes everything without `keep`. Resolves
   * with the bytes that are kept.
   */
  close(keep: boolean): Promise<number>;
}

/** `onWriteFailure` is called as soon as a write fails. `size` is null for a stream. */
export function createIncomingFile(
  part: PartFile,
  size: number | null,
  onWriteFailure: (error: FtxError) => void,
): IncomingFile {
  const map = createBlockMap(size, part.durable);
  const writes = createWrites(part, onWriteFailure);
  let announced: FileEnd | undefined;
  const recheck = createRecheck(part, size ?? 0, map);

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
    arriveZeros(run) {
      writes.startZeros(run, noteZeros(map, run));
      return 'keep';
    },
    end(end) {
      if (announced || end.size !== (size ?? end.size) || end.size !== map.reached()) throw endError();
      announced = end;
    },
    recheck: (isWanted, onBlock) => recheck.run(isWanted, onBlock),
    takeWrong: () => (announced ? recheck.takeWrong() : []),
    isComplete: () => announced !== undefined && recheck.isOver() && map.isComplete(),
    bytes: () => map.bytes(),
    digest: () => map.digest(),
    async commit() {
      await writes.whenDone();
      if (map.digest() !== announced?.digest) throw digestError();
      return part.commit(announced.size, announced.digest);
    },
    close: (keep) => closePart(part, writes, keep),
  };
}

async function closePart(part: PartFile, writes: Writes, keep: boolean): Promise<number> {
  const isSound = await writes.whenDone().then(
    () => true,
    (error: unknown) => isResumable(toFtxError(error).code, 'receiver'),
  );
  if (keep && isSound) return part.suspend();
  await part.discard();
  return 0;
}

function digestError(): FtxError {
  return new FtxError('checksum', 'The whole file has another digest than the sender computed. Send it again.');
}

/** The peer ended a file twice, or at a wrong size. */
export function endError(): FtxError {
  return new FtxError('protocol', 'The peer ended a file twice, or at another size than it announced and sent.');
}
