/** The contract of the place where a session's entries go: a folder, a bucket, or memory in tests. */
import type { Entry } from './entry.js';
import type { FtxError } from './errors.js';

/** An entry that has got its final name. */
export interface Placed {
  /** Its path below the receiver's folder, `/`-separated. Not the offered one if the name was taken. */
  readonly as: string;
  /** True if a file with this very content, the same link, or a folder, was there before and has been left as it is. */
  readonly already?: boolean;
}

/** What a sender can tell of a file beyond its entry. */
export interface Vouched {
  /** Whether the sender can prove that it has the content of a file, so that the content need not be sent. */
  readonly canProve: boolean;
  /** Stands for the file on the sender's disk as it is, in hex: after any change of the file, the pin is another one. */
  readonly pin?: string | undefined;
  /** The id of the transfer, in hex. All attempts at one transfer have the same one. */
  readonly transfer?: string | undefined;
}

/** A file that is being received. It has no final name before commit names it. */
export interface PartFile {
  readonly state: 'part';
  /** Digests of the blocks that are durable from an earlier session: block 0 first, without a gap. Usually empty. */
  readonly durable: readonly bigint[];
  /**
   * Reads what is durable at this byte offset into all of `target`. Missing where nobody can have touched the durable
   * blocks since they were written. Otherwise each of them counts only once the caller has read and confirmed it.
   */
  readAgain?(target: Uint8Array, offset: number): Promise<void>;
  /** Writes a block, or part of one, at a byte offset. The caller may reuse the memory once it resolves. Throws FtxErrors. */
  write(block: Uint8Array, offset: number): Promise<void>;
  /** As write(), for `length` zeros. They take no room beyond everything that was written before. */
  writeZeros(length: number, offset: number): Promise<void>;
  /** Notes that the block at this byte offset has been written whole and has this digest, so that a later session need not ask for it. */
  confirm(offset: number, digest: bigint): void;
  /**
   * Gives the file its final name; it is durable when this resolves, if the sink is. `size` is in bytes, and must be
   * what was written. `digest` is that of the file, in hex. A file that stands there with the very same content is left as it is, and is `already` there.
   * Throws FtxErrors, and then the final name does not exist. Call it once, after all writes.
   */
  commit(size: number, digest?: string): Promise<Placed>;
  /** Removes what has arrived. Never fails. Safe to call at any time, more than once, and after commit. */
  discard(): Promise<void>;
  /**
   * Ends like discard, but keeps the confirmed blocks for a later session where that is possible. After a failure
   * `no-space` they are kept only for a bringer that the owner of the inbox knows. Resolves with the bytes that the later
   * session does not ask for; 0 if nothing is kept. `isFull`: the sink itself tells so what is kept because there is no
   * room for the rest.
   */
  suspend(isFull?: boolean): Promise<number>;
}

/** A file that has the name, the size and the time of the offer. The sender has to prove that its own has the same content. */
export interface PresentFile {
  readonly state: 'present';
  /** Its path below the receiver's folder, `/`-separated. */
  readonly as: string;
  /** Stands for the file as it is: another file, or a change, has another id. */
  readonly id: string;
  /** Its digest in hex, if the same bringer brought it and nobody has touched it since. */
  readonly digest?: string | undefined;
  /** Call it when the sender has the same content. `digest` is that of the file, in hex. */
  accept(digest: string): void;
  /**
   * The content as Source.blocks(0) yields it. Throws FtxError `changed` also after the last block, so that a caller
   * that has read to the end knows that this very file stands there still.
   */
  blocks(): AsyncIterable<Uint8Array>;
  /** Receives the content all the same, and compares it as it comes, because a proof of the sender is not worth the reading. */
  receiveFirst(): Promise<PartFile>;
  /** Receives the offered file after all, because the content differs. Missing where the offered file is then refused. */
  receiveBeside?(): Promise<PartFile>;
}

/** The very file is there: this sender has brought it, and neither side has touched it since. */
export interface DeliveredFile {
  readonly state: 'delivered';
  /** Its path below the receiver's folder, `/`-separated. */
  readonly as: string;
  /** In hex. */
  readonly digest: string;
}

/** A small file whose content has come as a whole. */
export interface WholeFile {
  readonly offer: Entry;
  readonly vouched: Vouched;
  readonly content: Uint8Array;
  /** Of the file, in hex. */
  readonly digest: string;
}

/** What would become of an entry, as far as its offer tells. */
export interface Outlook {
  /**
   * `new`: nothing has the name. `rename`: the entry gets a free name. `replace`: it replaces what is there. `already`:
   * it seems to be there. The words are those of PROTOCOL.md.
   */
  readonly fate: 'new' | 'rename' | 'replace' | 'already';
  /** The path the entry would get, for `rename` in a dry run. */
  readonly as?: string | undefined;
  /** Bytes of the file that are there from an earlier session; 0 if none. */
  readonly offset: number;
  /** With `already`: the sender has brought this very file, which is as it was left. Its digest in hex. `as` is where it is. */
  readonly digest?: string | undefined;
}

/** Judges a list of entries before the first of them is offered. Writes nothing. */
export interface Plan {
  /** Judges the next entry. Throws the FtxError with which open or place would refuse it; `too-many` ends the list. */
  add(offer: Entry, vouched?: Vouched): Promise<Outlook>;
  /** Adds up the list; call it after the last entry. Throws FtxError `no-space` when there is no room for all of it. */
  total(): Promise<Capacity>;
  /** Frees the memory of the list. Safe to call more than once. */
  close(): void;
}

/** Stores the entries of one session. An FtxError that it throws concerns the one entry only. */
export interface Sink {
  /** Whether a stored entry survives a power cut. */
  readonly isDurable: boolean;
  /** Begins a list. In a dry run the outlooks also tell the free names for `rename`. */
  plan(isDryRun: boolean): Plan;
  /**
   * Decides what becomes of an offered file. What it writes, apart from parent folders, is gone after a discard. A
   * PresentFile comes only for a sender that can prove its content. The sink may have to wait for another session; an
   * abort of `signal` ends that wait.
   */
  open(offer: Entry, vouched?: Vouched, signal?: AbortSignal): Promise<PartFile | PresentFile | DeliveredFile>;
  /**
   * Stores many small files together, as open, write and commit do it for each. Resolves with one answer for each file, in
   * order, when all are durable, if the sink is: where the file stands, why it has failed for good, or `singly` for a file that
   * is not stored because its name is taken, or anything else has failed. The caller opens that one by itself. The content is not used any more once
   * this resolves. An abort of `signal` ends waits. Never fails. Missing where it would save nothing.
   */
  storeTogether?(files: readonly WholeFile[], signal?: AbortSignal): Promise<readonly (Placed | FtxError | 'singly')[]>;
  /** Makes an offered directory or symlink. It is durable when this resolves, if the sink is. May wait like open. */
  place(offer: Entry, signal?: AbortSignal): Promise<Placed>;
  /** Call it after the sender's goodbye: parent folders that were made and never offered get the mode of any new folder. Never fails. */
  finish(): void;
}

/** The receiver's answer to a whole list: bytes needed and bytes free. */
export interface Capacity {
  /** Bytes that would have to arrive. Streams count as none, because their size is not known. */
  readonly needed: number;
  /** Bytes that there is room for; null where the system does not tell how many. */
  readonly free: number | null;
}
