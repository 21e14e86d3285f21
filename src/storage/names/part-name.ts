/** The names of unfinished files in the receive folder. */
import { makeOwnerMark } from '../disk/owner.js';
import { RESERVED_PREFIX } from './safe-path.js';

export const PART_SUFFIX = '.part';

/** Returns a new name for an unfinished file. No entry can have it, because the prefix is reserved. */
export function makePartName(): string {
  return `${RESERVED_PREFIX}${makeOwnerMark()}${PART_SUFFIX}`;
}

/** Returns what stands for the owner in a name that makePartName made, or in that of the lock beside it. Other names have another text there. */
export function markIn(name: string): string {
  return name.startsWith(RESERVED_PREFIX) ? name.slice(RESERVED_PREFIX.length, name.lastIndexOf('.')) : '';
}

/** Tells whether a receiver gives such a name to what it keeps in the receive folder: parts, journals, locks, and the ledger. */
export function isReceiverName(name: string): boolean {
  return /^\.ftx-(?:ledger|.*\.(?:part|journal|lock))$/.test(name);
}
