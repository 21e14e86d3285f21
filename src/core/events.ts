/** The events of transfers. Everything that a person or a script sees is made from them. */
import type { EntryKind } from './entry.js';
import type { ErrorCode } from './errors.js';
import type { Fingerprint } from './fingerprint.js';
import type { Outlook } from './sink.js';

export interface Totals {
  readonly entries: number;
  /** Bytes of all files of known size. */
  readonly bytes: number;
}

/** How a session, or a whole send, has ended: entries by outcome, bytes and time. */
export interface Summary {
  readonly stored: number;
  /** Handed to a classic receiver, which cannot confirm. */
  readonly sent: number;
  readonly refused: number;
  readonly failed: number;
  /** Bytes of the entries that `stored` and `sent` count. */
  readonly bytes: number;
  readonly seconds: number;
  /** What the time was spent on; absent for a classic session and for a receiver as a whole. */
  readonly shares?: Shares;
}

/** Whole percents of a sender's time: waiting for the source, waiting for the connection or the receiver, and working. */
export interface SenderShares {
  readonly source: number;
  readonly network: number;
  readonly cpu: number;
}

/** Whole percents of a receiver's time: waiting for the connection, waiting for its disk, and working. */
export interface ReceiverShares {
  readonly network: number;
  readonly disk: number;
  readonly cpu: number;
}

/** `sender input`: the program, or whatever else, that a stream comes from. */
export type Limit = 'sender disk' | 'sender input' | 'sender CPU' | 'network' | 'receiver disk' | 'receiver CPU';

/** What a session spent its time on. Null where this side does not know. */
export interface Shares {
  readonly limitedBy: Limit | null;
  readonly sender: SenderShares | null;
  readonly receiver: ReceiverShares | null;
}

/** Which senders a receiver lets in: anyone, known senders, or those and one new sender that knows a code. */
export type Access = 'open' | 'known' | 'pair';

export type WireProtocol = 'ftx/1' | 'classic';

/** One event of a transfer. Paths and messages may hold hostile text of a peer: escape them before you show them. */
export type TransferEvent =
  | {
      readonly type: 'listening';
      readonly dir: string;
      readonly port: number;
      /** The addresses of this machine that a sender can use. */
      readonly addresses: readonly string[];
      /** The identity of this receiver; null when it takes unencrypted senders only. */
      readonly identity: Fingerprint | null;
      readonly access: Access;
      /** How many senders are known; null when anyone gets in. */
      readonly senders: number | null;
    }
  /** The receiver's code ends unused: `burned` by wrong tries, or `expired`. */
  | { readonly type: 'code'; readonly state: 'burned' | 'expired' }
  /** Both sides have proved that they know the code, and remember each other. `peer`: the address of the other side. */
  | ({ readonly type: 'paired'; readonly peer: string; readonly identity: Fingerprint } & InSession)
  /** The sender has met this receiver for the first time. From now on it takes no other receiver at this address. */
  | ({
      readonly type: 'peer';
      readonly host: string;
      readonly port: number;
      readonly identity: Fingerprint;
    } & InSession)
  | ({
      readonly type: 'connected';
      /** The address of the other side. */
      readonly peer: string;
      readonly protocol: WireProtocol;
      /** The identity of a sender that has one; absent on a sender. */
      readonly identity?: Fingerprint;
      /** Whether this receiver knows the sender; absent where it does not. */
      readonly known?: boolean;
    } & InSession)
  | ({ readonly type: 'offered'; readonly kind: EntryKind; readonly size: number | null } & OfEntry)
  /** The sender makes its list: entries and bytes so far. Comes now and then while a long list is made. */
  | ({ readonly type: 'counting' } & Totals & InSession)
  /** The receiver has checked the whole list of entries: before the first is offered, or in a dry run instead of that. */
  | ({
      readonly type: 'checked';
      readonly entries: number;
      readonly bytes: number;
      readonly dryRun: boolean;
      /** As in Capacity. Both are null when the answer to a dry run is that there is no room, or that these are too many. */
      readonly needed: number | null;
      readonly free: number | null;
    } & InSession)
  /** In a dry run: what would become of an entry. One that would be refused has the event `refused`. */
  | ({
      readonly type: 'planned';
      readonly kind: EntryKind;
      readonly size: number | null;
      readonly as: string;
    } & Outlook &
      OfEntry)
  /** The entry goes on where an earlier session stopped: the receiver has `bytes` of it. */
  | ({ readonly type: 'resumed'; readonly bytes: number; readonly size: number | null } & OfEntry)
  /**
   * The sender reads what the receiver has already, to compare it: `bytes` of `of` bytes so far. Nothing moves
   * meanwhile. It is needed for a file that is there, and for one that goes on when its digests are not known any more.
   */
  | ({
      readonly type: 'comparing';
      readonly bytes: number;
      readonly of: number;
      readonly size: number | null;
    } & OfEntry)
  | ({
      readonly type: 'progress';
      /** Bytes of this file that have moved, of `size`: never fewer than before, nor than `resumed` has told. */
      readonly bytes: number;
      readonly size: number | null;
      /** Entries and bytes of the whole send; null on a receiver, and until they are counted. */
      readonly total: Totals | null;
      /** What limits the speed at present; absent on a receiver, and until it is known. */
      readonly limitedBy?: Limit;
    } & OfEntry)
  /**
   * On a sender: all of the entry was sent, and nothing moves while the receiver stores it. Comes about once a second,
   * with what the receiver waits `for`. Of several such entries, the one that was offered first is told.
   */
  | ({ readonly type: 'waiting'; readonly for: Limit } & OfEntry)
  | ({
      readonly type: 'stored';
      /** The path under which the receiver has stored the entry. */
      readonly as: string;
      readonly size: number;
      /** 16 hex digits; null for folders, links and classic transfers, which have none. */
      readonly digest: string | null;
      /** Whether the receiver had the same content under that name before. */
      readonly already: boolean;
      /** Whether the receiver has waited until its disk has the entry. A classic sender cannot know, and says true. */
      readonly durable: boolean;
      readonly seconds: number;
    } & OfEntry)
  /** A classic sender has handed over all bytes, which a classic receiver never confirms. */
  | ({ readonly type: 'sent'; readonly size: number; readonly seconds: number } & OfEntry)
  | ({ readonly type: 'refused'; readonly code: ErrorCode; readonly message: string } & OfEntry)
  | ({
      readonly type: 'failed';
      /** Null when the whole session has failed. */
      readonly path: string | null;
      readonly code: ErrorCode;
      readonly message: string;
      /** The address of a sender whose session has failed before it was `connected`. */
      readonly peer?: string;
    } & InSession)
  | ({
      /** The sender has lost its connection, and tries again after `delaySeconds`. */
      readonly type: 'retrying';
      readonly code: ErrorCode;
      readonly message: string;
      /** Counted from 1 to `retries`. Progress begins a new count. */
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
