/**
 * The boundaries of ftx, types only. `net` makes Connections, `storage` makes
 * Sources and Sinks, sessions join them, and everything a person or a script
 * sees is made from TransferEvents.
 */
import type { ErrorCode } from './errors.js';
import type { Limit, Room, Summary, Totals } from './figures.js';
import type { Fingerprint } from './identity/fingerprint.js';

export type * from './figures.js';

/** 1 KiB: the unit in which a file is announced, resumed and counted. */
export const CHUNK_BYTES = 1024;
/** 1 MiB, 1024 chunks: the unit of I/O and of checksums. */
export const BLOCK_BYTES = 1024 * CHUNK_BYTES;
/** Smaller files are sent again in less time than it takes to keep account of them. */
export const MIN_RESUMABLE_BYTES = 8 * BLOCK_BYTES;

export type EntryKind = 'file' | 'directory' | 'symlink';

/** What a sender announces of one file, folder or link. */
export interface Entry {
  /** Relative, separated by `/`. From a peer it is hostile text: only safe-path.ts resolves it. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Bytes; null for a stream whose length is known only at its end; 0 unless a file. */
  readonly size: number | null;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Permission bits, 0 to 0o777. */
  readonly mode: number;
  /** What a symlink holds, as it is stored in the link. */
  readonly target?: string;
}

/** A two-way byte stream to one peer. */
export interface Connection {
  /** The peer's address for people: `192.0.2.7:51234`. */
  readonly peer: string;
  /**
   * The next bytes, or undefined once the peer has ended its side. One read at
   * a time; the bytes stay valid. Rejects with the first reason the connection
   * was destroyed for, or FtxError `lost`.
   */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Reads the next bytes to where they belong; `onBytes` hears of them as they
   * come. Resolves with how many there are: all of `target`, or fewer if those
   * were at hand or the peer has ended; 0 once it has. Rejects like read, and
   * leaves `target` alone from then on.
   */
  readInto(target: Uint8Array, onBytes: (bytes: number) => void): Promise<number>;
  /**
   * Queues the parts in order. Resolves when the operating system has taken
   * them, from when on the caller may reuse their memory. Rejects like read.
   */
  write(parts: readonly Uint8Array[]): Promise<void>;
  /** Ends this side after what is queued; the peer's side stays readable. */
  end(): void;
  /** Drops the connection at once; the first reason wins and rejects every wait. */
  destroy(reason: Error): void;
}

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
  total(): Promise<Room>;
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

/** Who gets into a receiver. */
export type Access = 'open' | 'known' | 'pair';

export type WireProtocol = 'ftx/1' | 'classic';

/** What happens during transfers, for views, logs and scripts. Paths and messages may hold a peer's raw text. */
export type TransferEvent =
  | {
      readonly type: 'listening';
      readonly dir: string;
      readonly port: number;
      /** This machine's addresses that a sender can use. */
      readonly addresses: readonly string[];
      /** Who this receiver is to its senders; null when it takes unencrypted ones only. */
      readonly identity: Fingerprint | null;
      /** `open`: anyone gets in; `known`: remembered senders only; `pair`: those, and one new one that knows a code. */
      readonly access: Access;
      /** Remembered senders; null where anyone gets in. */
      readonly senders: number | null;
    }
  /** What a receiver's code has come to that no sender has used. */
  | { readonly type: 'code'; readonly state: 'burned' | 'expired' }
  /** Both sides have proved that they know the code, and know each other from now on. `peer`: the address of the other side. */
  | ({ readonly type: 'paired'; readonly peer: string; readonly identity: Fingerprint } & InSession)
  /** A sender met a receiver for the first time, and from now on takes no other at this address. */
  | ({ readonly type: 'peer'; readonly host: string; readonly port: number; readonly identity: Fingerprint } & InSession)
  | ({ readonly type: 'connected'; readonly peer: string; readonly protocol: WireProtocol } & InSession)
  | ({ readonly type: 'offered'; readonly kind: EntryKind; readonly size: number | null } & OfEntry)
  /** A list of entries was checked before the first of them was offered, or for a dry run instead of it. */
  | ({ readonly type: 'checked'; readonly entries: number; readonly bytes: number; readonly dryRun: boolean } & Room & InSession)
  /** In a dry run: what would become of an entry that is not refused. */
  | ({ readonly type: 'planned'; readonly kind: EntryKind; readonly size: number | null; readonly as: string } & Outlook & OfEntry)
  /** The entry goes on where an earlier session stopped: `bytes` of it are there. */
  | ({ readonly type: 'resumed'; readonly bytes: number; readonly size: number | null } & OfEntry)
  | ({
      readonly type: 'progress';
      /** Bytes of this file that have moved, of `size`. */
      readonly bytes: number;
      readonly size: number | null;
      /** What the whole of a send comes to; null on a receiver or until it is counted. */
      readonly total: Totals | null;
      /** What holds the transfer back at present; absent on a receiver and until it is known. */
      readonly limitedBy?: Limit;
    } & OfEntry)
  | ({
      readonly type: 'stored';
      /** The receiver's name for it. */
      readonly as: string;
      readonly size: number;
      /** 16 hex digits; null for directories, symlinks and classic, which have none. */
      readonly digest: string | null;
      /** True when the receiver had the same content under that name before. */
      readonly already: boolean;
      /** False when the receiver does not wait until its disk has it; true as far as classic tells. */
      readonly durable: boolean;
      readonly seconds: number;
    } & OfEntry)
  /** A classic sender has handed over all bytes; a classic receiver never confirms. */
  | ({ readonly type: 'sent'; readonly size: number; readonly seconds: number } & OfEntry)
  | ({ readonly type: 'refused'; readonly code: ErrorCode; readonly message: string } & OfEntry)
  | ({
      readonly type: 'failed';
      /** Null when the whole session failed. */
      readonly path: string | null;
      readonly code: ErrorCode;
      readonly message: string;
    } & InSession)
  | ({
      /** The connection was lost; the sender tries again after `delaySeconds`. */
      readonly type: 'retrying';
      readonly code: ErrorCode;
      readonly message: string;
      /** Counted from 1, of `retries`; progress starts the count anew. */
      readonly attempt: number;
      readonly retries: number;
      readonly delaySeconds: number;
    } & InSession)
  | ({ readonly type: 'done' } & Summary & InSession);

interface InSession {
  /** Numbers the connections of one process from 1. */
  readonly session: number;
}

interface OfEntry extends InSession {
  readonly path: string;
}

export type EventListener = (event: TransferEvent) => void;
