/** Where a mailbox puts what arrives. A folder is an Inbox, which hands out one Sink for each session. */
import type { Fingerprint } from './fingerprint.js';
import type { Sink } from './sink.js';

/** What happens to an entry whose name is taken. */
export type ConflictPolicy = 'rename' | 'overwrite' | 'skip' | 'fail';

/** Who brings the entries of a session. */
export type Bringer =
  /** A sender whose key TLS has proved; `id` is the fingerprint of the key. */
  | { readonly kind: 'key'; readonly id: Fingerprint }
  /** A sender that proves nothing; `address` is its network address without the port. */
  | { readonly kind: 'none'; readonly address: string };

export interface InboxSession {
  /** Only the same bringer goes on with a transfer that broke off. */
  readonly bringer: Bringer;
  /** Whether the owner of the inbox knows the bringer. A stranger learns nothing of a file that it did not bring. */
  readonly isKnown: boolean;
  readonly onConflict: ConflictPolicy;
  /** Whether a transfer that breaks off can go on in a later session. */
  readonly isResumable: boolean;
}

/** A transfer that broke off and can go on. */
export interface LeftPart {
  /** Tells the transfer from all others of the inbox. */
  readonly id: string;
  /** What the sender called the file. */
  readonly path: string;
  /** Who brought it: a fingerprint, or an address without the port. */
  readonly peer: string;
  /** Bytes of the whole file. */
  readonly size: number;
  /** Bytes that are here. */
  readonly bytes: number;
  /** Seconds since something arrived. */
  readonly ageSeconds: number;
  /** Whether a session is receiving it now. */
  readonly inUse: boolean;
}

/** All sessions of one inbox share its quota and its free space. */
export interface Inbox {
  /** The entries of one session go to this Sink. */
  session(options: InboxSession): Sink;
  /** Transfers that broke off and can go on, in no order. */
  parts(): AsyncIterable<LeftPart>;
  /** Stops the cleaning. Sinks that were handed out stay usable. */
  close(): void;
}
