import { isOwnerDead, makeOwnerMark } from '../disk/owner.js';
import { RESERVED_PREFIX } from './safe-path.js';

export const PART_SUFFIX = '.part';

/** A name that no entry can have, for what is not finished. */
export function makePartName(): string {
  return `${RESERVED_PREFIX}${makeOwnerMark()}${PART_SUFFIX}`;
}

/** Whether its maker was killed: nobody will finish or remove what has this name. */
export function isOrphaned(name: string): boolean {
  if (!name.startsWith(RESERVED_PREFIX) || !name.endsWith(PART_SUFFIX)) return false;
  return isOwnerDead(name.slice(RESERVED_PREFIX.length, -PART_SUFFIX.length));
}
