/** What is transferred: one file, folder or link, and the units in which its content moves. */

/** 1 KiB: the unit in which a file is announced, resumed and counted. */
const CHUNK_BYTES = 1024;
/** 1 MiB, 1024 chunks: the unit of I/O and of checksums. */
export const BLOCK_BYTES = 1024 * CHUNK_BYTES;
/** Bytes of the smallest file that can be resumed. To send a smaller one again takes less time than to keep its journal. */
export const MIN_RESUMABLE_BYTES = 8 * BLOCK_BYTES;

export type EntryKind = 'file' | 'directory' | 'symlink';

/** One file, folder or link, as a sender announces it. */
export interface Entry {
  /** Relative, separated by `/`. From a peer it is hostile text: only safe-path.ts resolves it. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Bytes of a file; null for a stream, whose size is known only at its end; 0 for a folder or link. */
  readonly size: number | null;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Permission bits, 0 to 0o777; null for a file that has none of its own. Those of a stream say nothing either. */
  readonly mode: number | null;
  /** The text of a symlink, as it is stored in the link. */
  readonly target?: string;
  /** Bytes of the disk that a sparse file takes, at most `size`. */
  readonly allocated?: number | undefined;
}
