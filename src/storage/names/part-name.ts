/** The names of unfinished files in the receive folder. */
import { isOwnerAlive, isOwnerDead, makeOwnerMark } from '../disk/owner.js';
import { RESERVED_PREFIX } from './safe-path.js';

export const PART_SUFFIX = '.part';

/** Returns a new name for an unfinished file. No entry can have it, because the prefix is reserved. */
export function makePartName(): string {
  return `${RESERVED_PREFIX}${makeOwnerMark()}${PART_SUFFIX}`;
}

/** Whether makePartName made the name in a process that is dead. Then nothing else finishes or removes the file. */
export function isOrphaned(name: string): boolean {
  return isOwnerDead(markOf(name));
}

/** Whether makePartName made the name in a process of this machine that runs. Then that process finishes or removes the file. */
export function isOwned(name: string): boolean {
  return isOwnerAlive(markOf(name));
}

/** Returns the mark of the owner in a name; empty for a name that makePartName has not made. */
function markOf(name: string): string {
  if (!name.startsWith(RESERVED_PREFIX) || !name.endsWith(PART_SUFFIX)) return '';
  return name.slice(RESERVED_PREFIX.length, -PART_SUFFIX.length);
}
