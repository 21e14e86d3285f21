/** An entry that a sender has offered and that has not come to its end: what happens to it now, and what that needs. */
import type { Entry } from '../../core/entry.js';
import type { PresentFile, WholeFile } from '../../core/sink.js';
import type { IncomingFile } from './incoming-file.js';

/** What an entry has in every state. */
export interface Offered {
  /** The number that the frames of the entry carry. */
  readonly id: number;
  readonly offer: Entry;
  /** When the offer came, a reading of performance.now(). */
  readonly startedAt: number;
  /** The file itself, if it came in a pack: the sender sends nothing more for it. */
  readonly whole?: WholeFile | undefined;
}

/** A file of a pack, at which nothing works yet. */
interface Queued extends Offered {
  readonly state: 'queued';
  readonly whole: WholeFile;
}

/** The sink decides about a file, or makes a directory or link. The sender may send nothing for the entry yet. */
interface Opening extends Offered {
  readonly state: 'opening';
  /** Over when the sink has decided, or the directory or link stands or could not be made. */
  readonly opened: Promise<void>;
}

/** The blocks of a file arrive. */
interface Receiving extends Offered {
  readonly state: 'receiving';
  readonly file: IncomingFile;
}

/** A file of this name, size and time is there. The sender reads its own, to prove in its `end` that it has the same content. */
interface Present extends Offered {
  readonly state: 'present';
  readonly present: PresentFile;
  /** The bytes that the proof begins with; undefined for a sender that cannot prove anything. */
  readonly nonce: Uint8Array | undefined;
}

/** The file that is there is read, to compare its content with the proof of the sender. */
interface Comparing extends Offered {
  readonly state: 'comparing';
  readonly present: PresentFile;
  readonly nonce: Uint8Array | undefined;
}

/** All blocks are here: the sender can no longer give the file up. */
interface Committing extends Offered {
  readonly state: 'committing';
  readonly file: IncomingFile;
}

export type IncomingEntry = Queued | Opening | Receiving | Present | Comparing | Committing;
export type IncomingEntryIn<State extends IncomingEntry['state']> = Extract<IncomingEntry, { state: State }>;

/** How an entry was stored. */
export interface Stored {
  /** The path below the receiver's folder, separated by `/`. */
  readonly as: string;
  /** In hex; null for a directory or link. */
  readonly digest: string | null;
  /** Bytes. */
  readonly size: number;
  /** Whether a file with this content was there before. */
  readonly already: boolean;
  /** Whether the sender was asked for nothing, so that it does not know the digest. */
  readonly isUnasked?: boolean;
}

/**
 * Resolves when nothing works at an entry that ends without being stored. With
 * `keep`, the blocks that are durable stay for a later session; without, what
 * has arrived is removed. Resolves with the bytes that are kept.
 */
export async function closeEntry(entry: IncomingEntry, keep: boolean): Promise<number> {
  if (entry.state === 'opening') await entry.opened;
  return hasContent(entry) ? entry.file.close(keep) : 0;
}

/** Whether content of the entry may have arrived. */
export function hasContent(entry: IncomingEntry): entry is IncomingEntryIn<'receiving' | 'committing'> {
  return entry.state === 'receiving' || entry.state === 'committing';
}
