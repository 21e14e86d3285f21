/** What transfers come to, in numbers. */

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

/** What a list of entries comes to for who receives it. */
export interface Room {
  /** Bytes that would have to come; those of streams are not known and count as none. */
  readonly needed: number;
  /** Bytes that there is room for; null where the system does not tell. */
  readonly free: number | null;
}
