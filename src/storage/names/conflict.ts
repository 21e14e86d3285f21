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
function decideLink(policy: ConflictPolicy, offer: Entry, there: Existing | undefined): Outlook['fate'] {
  if (!there) return 'new';
  if (policy === 'rename') return 'rename';
  if (policy !== 'overwrite') throw existsError(offer.path);
  if (there.kind === 'directory') throw existsError(offer.path, 'a folder of that name');
  return 'replace';
}

/**
 * Foresees what becomes of an offered link. `isSame`: what has its name is a link with its target. `isKnown`: the sender
 * may learn that, because it is known or has brought this link. To a stranger every link that has the name is a
 * different one; only a list, unlike a dry run, leaves it to the offer to find out. Throws FtxError `exists`.
 */
export function foreseeLink(
  policy: ConflictPolicy,
  offer: Entry,
  there: Existing | undefined,
  { isSame, isKnown, isDryRun }: { readonly isSame: boolean; readonly isKnown: boolean; readonly isDryRun: boolean },
): Outlook['fate'] {
  if (isSame && isKnown) return 'already';
  const isPossible = there?.kind === 'symlink' && !isKnown;
  return isPossible && isKept(policy) && !isDryRun ? 'new' : decideLink(policy, offer, there);
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
const COARSEST_SECONDS = 2;
const DAY_SECONDS = 86_400;
/** The times from 1677 to 2262, which offers have. */
const OFFERED_SECONDS = 2 ** 63 / 1e9;
/** Where the times of file systems begin and end, in seconds since 1970: those of ext4 and XFS, HFS+, NFS and others, and FAT. */
const FIRST_SECONDS = [-(2 ** 31), -2_082_844_800, 0, 315_532_800];
const LAST_SECONDS = [2 ** 31, 2_212_122_496, 2 ** 32, 4_354_819_200];

/** Whether the time of a file may be what its file system has kept of the offered one. The content decides afterwards. */
function isSameTime(thereNs: bigint, offeredNs: bigint): boolean {
  const offered = Number(offeredNs) / 1e9;
  const there = Math.max(-OFFERED_SECONDS, Math.min(Number(thereNs) / 1e9, OFFERED_SECONDS));
  if (Math.abs(there - offered) < COARSEST_SECONDS) return true;
  // A time beyond becomes the first or the last one. FAT has local times.
  return (offered < there ? FIRST_SECONDS : LAST_SECONDS).some((end) => Math.abs(there - end) < DAY_SECONDS);
}
