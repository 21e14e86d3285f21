/** What a sender reads from. A file and a stream are Sources; a tree is many of them. */
import type { Entry } from './entry.js';

/** One thing to send. */
export interface Source {
  readonly entry: Entry;
  /**
   * The content from byte `from` (a multiple of BLOCK_BYTES) in blocks: all of
   * BLOCK_BYTES but the last. A block is valid until
   * the one after the next is asked for, so that two can be on their way.
   * Can be called again unless the source is a stream (`entry.size` null).
   * Throws FtxError `changed` when the content is no longer what was offered,
   * `unreadable` or `io` when it cannot be read.
   */
  blocks(from: number): AsyncIterable<Uint8Array>;
  /** Stands for the source as it is, in hex: after any change the pin is another one. Absent where nothing vouches for it. */
  readonly pin?: string | undefined;
  /** Digests of this very content that an earlier session has noted; absent where none are kept. */
  readonly journal?: SourceJournal;
}

/** What a sender remembers of a source, so that it need not read again what the receiver has. Never fails. */
export interface SourceJournal {
  /** Digests of the blocks from the first on. */
  load(): Promise<readonly bigint[]>;
  note(block: number, digest: bigint): void;
  /** Keeps what was noted for a later session. */
  save(): Promise<void>;
  /** Forgets it: the file is stored. */
  remove(): Promise<void>;
}
