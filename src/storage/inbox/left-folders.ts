/** Empty folders that a killed receiver has left: it made them for entries that did not come. */
import { setImmediate } from 'node:timers/promises';
import { removeEmptyIn } from '../disk/empty-folders.js';
import type { HeldFolder } from '../disk/held-folder.js';
import { isUnfinished } from './made-folders.js';
import { isOwn } from './open-up.js';

/** Another receiver that lives may have made a younger one, and be about to put something there. */
const MIN_UNCHANGED_MS = 60 * 60 * 1000;

/** Removes a folder from its parent if it is empty. Never fails. */
export type RemoveFolder = (parent: HeldFolder, name: string) => Promise<void>;

/**
 * Looks at a folder before anything is removed from it. Returns what removes it afterwards; undefined if it stays, because
 * a receiver has not left it so.
 */
export function judgeFolder({ id, stats }: HeldFolder): RemoveFolder | undefined {
  // The time of change, unlike that of the content, is nobody's to set.
  const isOld = Date.now() - Number(stats.ctimeMs) >= MIN_UNCHANGED_MS;
  if (!isOld || !isUnfinished({ stats }) || !isOwn(stats)) return undefined;
  return async (parent, name) => {
    removeEmptyIn(parent, name, id);
    // There may be very many of them, and the senders have their turn in between.
    await setImmediate();
  };
}
