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
}

/**
 * Decides what becomes of an offered file. `there` is what has its name; undefined if the name is free. The caller has
 * to confirm `already` by comparing the content. Throws FtxError `exists` for a file that could not be committed.
 */
export function decideFile(policy: ConflictPolicy, offer: Entry, there: Existing | undefined): Outlook['fate'] {
  if (!there) return 'new';
  const isLike = there.kind === 'file' && there.size === offer.size;
  // The same file again, as when a transfer is repeated.
  const isAgain = isLike && isSameTime(there.mtimeNs, offer.mtimeNs);
  switch (policy) {
    case 'rename':
      // The commit will look for a free name.
      return isAgain ? 'already' : 'rename';
    case 'overwrite':
      if (there.kind === 'directory') throw existsError(offer.path, 'a folder of that name');
      return isAgain ? 'already' : 'replace';
    case 'fail':
      if (isAgain) return 'already';
      throw existsError(offer.path);
    case 'skip':
      if (isLike) return 'already';
      throw existsError(offer.path, 'a different one of that name');
  }
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

/** Compares to the microsecond, because a time cannot be set more precisely. */
function isSameTime(one: bigint, other: bigint): boolean {
  const apart = one - other;
  return -1000n < apart && apart < 1000n;
}
