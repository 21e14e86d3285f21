/** Tells other receivers in the same folder which part files are in use: a link beside each, to nothing but the mark of its owner. */
import { readlink, symlink, unlink } from 'node:fs/promises';
import { errnoOf } from '../errors.js';
import { makeOwnerMark, mayBeAtWork } from './owner.js';

export const LOCK_SUFFIX = '.lock';

/** Resolves with the way to give the lock back, undefined while another process holds it. */
export async function lockPart(path: string): Promise<(() => Promise<void>) | undefined> {
  const unlock = () => unlink(path).catch(() => undefined);
  if (await claim(path)) return unlock;
  if (await isLocked(path)) return undefined;
  await unlock();
  return (await claim(path)) ? unlock : undefined;
}

export async function isLocked(path: string): Promise<boolean> {
  const owner = await readlink(path).catch(() => '');
  return mayBeAtWork(owner);
}

/** A link, because it comes into being with its content. */
async function claim(path: string): Promise<boolean> {
  try {
    await symlink(makeOwnerMark(), path);
    return true;
  } catch (error) {
    // Where there are no links (FAT), there are no locks.
    return errnoOf(error) !== 'EEXIST';
  }
}
