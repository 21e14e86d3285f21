/** The table behind --on-conflict: what becomes of an entry whose name is taken. */
import { FtxError } from '../../core/errors.js';
import type { Entry } from '../../core/entry.js';
import type { ConflictPolicy } from '../../core/inbox.js';
import type { Outlook } from '../../core/sink.js';
import { showPath } from '../disk/disk-error.js';

export type { ConflictPolicy };

/** What stands at the place of an entry, in a folder or elsewhere. */
export interface Existing {
  readonly kind: Entry['kind'] | 'other';
  /** Bytes. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Why the receiver may not read it, and what helps; missing, or undefined, for what can be read. */
  findObstacle?(): string | undefined;
}

/**
 * Decides how an offered file is received. `there` is what has its name; undefined if the name is free.
 *
 * - `receive`: the content is received, and the commit finds out whether it is there already.
 * - `compare`: the content is received and compared as it comes, because it may be there already.
 * - `prove`: the sender proves that it has the content that is there, and sends none of it.
 *
 * A stranger (`isKnown` false) proves nothing, and is refused in the same way whatever the size and the time of the
 * file that is there. Throws FtxError `exists` for a file that could not be committed, or that may be there and cannot be
 * compared.
 */
export function decideFile(
  policy: ConflictPolicy,
  offer: Entry,
  there: Existing | undefined,
  isKnown: boolean,
): 'receive' | 'compare' | 'prove' {
  if (!there) return 'receive';
  if (policy === 'overwrite' && there.kind === 'directory') throw existsError(offer.path, 'a folder of that name');
  const isSize = there.kind === 'file' && there.size === offer.size;
  if (isKnown && isSize && isSameTime(there.mtimeNs, offer.mtimeNs)) {
    const obstacle = there.findObstacle?.();
    if (obstacle === undefined) return 'prove';
    if (policy !== 'overwrite') throw unreadableError(offer.path, obstacle);
  }
  if (!isKept(policy)) return isSize ? 'compare' : 'receive';
  // A stream has no size yet, so its content decides.
  const isPossible = there.kind === 'file' && (isSize || offer.size === null || !isKnown);
  if (!isPossible) throw existsError(offer.path);
  return 'compare';
}

/**
 * Foresees what becomes of an offered file, before its content is known. Throws FtxError `exists` for what decideFile
 * refuses. In a dry run it also refuses what will be refused unless the content is the same.
 */
export function foreseeFile(
  policy: ConflictPolicy,
  offer: Entry,
  there: Existing | undefined,
  { isKnown, isDryRun }: { readonly isKnown: boolean; readonly isDryRun: boolean },
): Outlook['fate'] {
  const decision = decideFile(policy, offer, there, isKnown);
  if (decision === 'prove') return 'already';
  if (!there) return 'new';
  if (policy === 'overwrite') return 'replace';
  if (!isKept(policy)) return 'rename';
  if (isDryRun) throw existsError(offer.path);
  return 'new';
}

/** Whether a file that has the name of an offered one stays, and the offered one is refused. */
export function isKept(policy: ConflictPolicy): boolean {
  return policy === 'fail' || policy === 'skip';
}

/** Decides what becomes of an offered link. `there` is what has its name, and is not the same link. Throws FtxError `exists`. */
export function decideLink(policy: ConflictPolicy, offer: Entry, there: Existing | undefined): Outlook['fate'] {
  if (!there) return 'new';
  if (policy === 'rename') return 'rename';
  if (policy !== 'overwrite') throw existsError(offer.path);
  if (there.kind === 'directory') throw existsError(offer.path, 'a folder of that name');
  return 'replace';
}

/** FtxError `exists`. `what` says in words what has the name. */
export function existsError(path: string, what = 'something of that name'): FtxError {
  return new FtxError('exists', `${showPath(path)}: ${what} is there already and is not replaced.`);
}

/** FtxError `exists`, for a file that may be there. */
function unreadableError(path: string, obstacle: string): FtxError {
  const what = 'a file of that name is there already and could not be compared';
  return new FtxError('exists', `${showPath(path)}: ${what}: the receiver may not read it ${obstacle}.`);
}

/** The coarsest times that a file system keeps: FAT counts in steps of two seconds. */
const COARSEST_NS = 2_000_000_000n;

/** Whether two times may be the same one, of which a file system has kept what it can. The content decides afterwards. */
function isSameTime(one: bigint, other: bigint): boolean {
  const apart = one - other;
  return -COARSEST_NS < apart && apart < COARSEST_NS;
}
