/** What happens during transfers. Everything that a person or a script sees is made from TransferEvents. */
import type { EntryKind } from './entry.js';
import type { ErrorCode } from './errors.js';
import type { Fingerprint } from './fingerprint.js';
import type { Capacity, Outlook } from './sink.js';

export interface Totals {
  readonly entries: number;
  /** Bytes of all files of known size. */
  readonly bytes: number;
}

/** What came of a session, or of a whole send. */
export interface Summary {
  readonly stored: number;
  /** Handed to a classic receiver, which cannot confirm. */
  readonly sent: number;
  readonly refused: number;
  readonly failed: number;
  /** Bytes of the entries counted in stored and sent. */
  readonly bytes: number;
  readonly seconds: number;
  /** What the time went into; absent for classic and for a receiver as a whole. */
  readonly shares?: Shares;
}

/** Whole percents of a sender's time: reading the source, waiting for the connection, all else. */
export interface SenderShares {
  readonly source: number;
  readonly network: number;
  readonly cpu: number;
}

/** Whole percents of a receiver's time: waiting for the connection, for its disk, all else. */
export interface ReceiverShares {
  readonly network: number;
  readonly disk: number;
  readonly cpu: number;
}

export type Limit = 'sender disk' | 'sender CPU' | 'network' | 'receiver disk' | 'receiver CPU';

/** What a session spent its time on, as far as this side knows. */
export interface Shares {
  readonly limitedBy: Limit | null;
  readonly sender: SenderShares | null;
  readonly receiver: ReceiverShares | null;
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
  | ({
      readonly type: 'peer';
      readonly host: string;
      readonly port: number;
      readonly identity: Fingerprint;
    } & InSession)
  | ({ readonly type: 'connected'; readonly peer: string; readonly protocol: WireProtocol } & InSession)
  | ({ readonly type: 'offered'; readonly kind: EntryKind; readonly size: number | null } & OfEntry)
  /** A list of entries was checked before the first of them was offered, or for a dry run instead of it. */
  | ({
      readonly type: 'checked';
      readonly entries: number;
      readonly bytes: number;
      readonly dryRun: boolean;
    } & Capacity &
      InSession)
  /** In a dry run: what would become of an entry that is not refused. */
  | ({
      readonly type: 'planned';
      readonly kind: EntryKind;
      readonly size: number | null;
      readonly as: string;
    } & Outlook &
      OfEntry)
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
