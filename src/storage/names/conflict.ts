/** What becomes of an entry whose name may be taken: the table behind --on-conflict. */
import type { BigIntStats } from 'node:fs';
import { FtxError } from '../../core/errors.js';
import type { Entry } from '../../core/entry.js';
import type { ConflictPolicy } from '../../core/inbox.js';
import type { Outlook } from '../../core/sink.js';
import { showPath } from '../disk/disk-error.js';

export type { ConflictPolicy };

/**
 * By what stands at the place of the file. `already` is to be confirmed by its
 * content. Throws FtxError `exists` at once for what could not be committed.
 */
export function decideFile(policy: ConflictPolicy, offer: Entry, there: BigIntStats | undefined): Outlook['fate'] {
  if (!there) return 'new';
  const isLike = there.isFile() && there.size === BigInt(offer.size ?? -1);
  // The same once more, as when a transfer is begun again.
  const isAgain = isLike && isSameTime(there.mtimeNs, offer.mtimeNs);
  switch (policy) {
    case 'rename':
      // A commit finds a free name for all else.
      return isAgain ? 'already' : 'rename';
    case 'overwrite':
      if (there.isDirectory()) throw existsError(offer.path, 'a folder of that name');
      return isAgain ? 'already' : 'replace';
    case 'fail':
      if (isAgain) return 'already';
      throw existsError(offer.path);
    case 'skip':
      if (isLike) return 'already';
      throw existsError(offer.path, 'a different one of that name');
  }
}

/** As decideFile, of a link at whose place stands something that is not the same link. */
export function decideLink(policy: ConflictPolicy, offer: Entry, there: BigIntStats | undefined): Outlook['fate'] {
  if (!there) return 'new';
  if (policy === 'rename') return 'rename';
  if (policy !== 'overwrite') throw existsError(offer.path);
  if (there.isDirectory()) throw existsError(offer.path, 'a folder of that name');
  return 'replace';
}

export function existsError(path: string, what = 'something of that name'): FtxError {
  return new FtxError('exists', `${showPath(path)}: ${what} is there already and is not replaced.`);
}

/** As far as a time can be set: to the microsecond. */
function isSameTime(one: bigint, other: bigint): boolean {
  const apart = one - other;
  return -1000n < apart && apart < 1000n;
}
