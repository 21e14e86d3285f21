/** Where a session's entries go. A folder is a Sink. */
import type { Entry } from './entry.js';

/** Where an entry ended up: the path below the receiver's folder, `/`-separated. */
export interface Placed {
  readonly as: string;
}

/** A file being received; nothing stands under the final name until commit resolves. */
export interface PartFile {
  readonly state: 'part';
  /** Digests of the blocks that are durable here from an earlier session, from the first on. */
  readonly durable: readonly bigint[];
  /** Writes a block, or part of one, at a byte offset; the memory may be reused once it resolves. */
  write(block: Uint8Array, offset: number): Promise<void>;
  /** The block at this offset has been written and has this digest: a later session may build on it. */
  confirm(offset: number, digest: bigint): void;
  /** Puts the file under its final name, durable if the sink is, or throws and leaves none. Call once, after all writes. */
  commit(size: number): Promise<Placed>;
  /** Removes what has arrived. Safe to call at any time, more than once, and after commit. */
  discard(): Promise<void>;
  /** Like discard, but keeps the confirmed blocks for a later session where that is possible. */
  suspend(): Promise<void>;
}

/** A file of that name and size is there already; whether it is the same one its content tells. */
export interface PresentFile extends Placed {
  readonly state: 'present';
  /**
   * As Source.blocks(0). Throws FtxError `changed` also after the last block, so that whoever has read to the end
   * knows that this very file stands there still.
   */
  blocks(): AsyncIterable<Uint8Array>;
  /** Where the offered file goes when it is another one; without it, it is refused. */
  receiveBeside?(): Promise<PartFile>;
}

/**
 * What would become of an entry, as far as can be told without its content:
 * `new`, `rename` to a name that is free, `replace` what is there, or `already`
 * there. The names are those of PROTOCOL.md.
 */
export interface Outlook {
  readonly fate: 'new' | 'rename' | 'replace' | 'already';
  /** The name it would get, for `rename`. */
  readonly as?: string | undefined;
  /** Bytes of it that are there from an earlier session; 0 if none. */
  readonly offset: number;
}

/** A list of entries under judgement. Writes nothing. */
export interface Plan {
  /** One more. Throws the FtxError that open or place would refuse it with; `too-many` ends the list. */
  add(offer: Entry): Promise<Outlook>;
  /** After the last. Throws FtxError `no-space` when there is no room for all. */
  total(): Promise<Capacity>;
  /** Forgets the list. Safe to call more than once. */
  close(): void;
}

/** Where one session's entries go. Refusals are FtxErrors that concern the one entry only. */
export interface Sink {
  /** Whether what it has stored survives a power cut. */
  readonly isDurable: boolean;
  /** Begins a list. In a dry run it also finds the names for `rename`. */
  plan(isDryRun: boolean): Plan;
  /** Decides what becomes of an offered file. Writes nothing that outlives a discard but parent folders. */
  open(offer: Entry): Promise<PartFile | PresentFile>;
  /** Makes an offered directory or symlink; durable when it resolves, if the sink is. */
  place(offer: Entry): Promise<Placed>;
  /** The sender has said goodbye: folders that were made on the way and never offered get what is usual. Never fails. */
  finish(): void;
}

/** The receiver's answer to a whole list: bytes needed and bytes free. */
export interface Capacity {
  /** Bytes that would have to come; those of streams are not known and count as none. */
  readonly needed: number;
  /** Bytes that there is room for; null where the system does not tell. */
  readonly free: number | null;
}
