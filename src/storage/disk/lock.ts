/** A lock that one process holds at a time: a symbolic link whose target is the mark of the process. */
import { readlink, symlink, unlink } from 'node:fs/promises';
import { errnoOf, FtxError } from '../../core/errors.js';
import { makeOwnerMark, mayBeRunning } from './owner.js';

export const LOCK_SUFFIX = '.lock';
/** The suffix of the second lock, under which a dead process's lock is removed. */
export const TAKEOVER_SUFFIX = LOCK_SUFFIX + LOCK_SUFFIX;
const POLL_MS = 20;
const WAIT_MS = 10_000;

type Unlock = () => Promise<void>;

/** Resolves with the function that releases the lock; undefined while another process holds it. */
export async function takeLock(path: string): Promise<Unlock | undefined> {
  const unlock = await claim(path);
  if (unlock) return unlock;
  if (await isLocked(path)) return undefined;
  // The owner was killed. A second lock comes before the removal of the first: otherwise two processes could both
  // clean up, and the slower one would remove the new lock of the faster one.
  const unlockTakeover = await takeLock(path + LOCK_SUFFIX);
  try {
    return unlockTakeover && (await takeOver(path));
  } finally {
    await unlockTakeover?.();
  }
}

async function takeOver(path: string): Promise<Unlock | undefined> {
  if (await isLocked(path)) return undefined;
  await unlink(path).catch(() => undefined);
  return claim(path);
}

/** Whether a process that may be running holds the lock. */
export async function isLocked(path: string): Promise<boolean> {
  return mayBeRunning(await readOwner(path));
}

/** The mark in the lock, also of a process that is dead; empty if there is no lock. */
export async function readOwner(path: string): Promise<string> {
  return readlink(path).catch(() => '');
}

/** Makes a link and not a file, because a link has its content from the moment it exists. */
async function claim(path: string): Promise<Unlock | undefined> {
  const mark = makeOwnerMark();
  try {
    await symlink(mark, path);
  } catch (error) {
    // Where there are no links (FAT), there are no locks, and every process gets them.
    return errnoOf(error) === 'EEXIST' ? undefined : () => Promise.resolve();
  }
  return async () => {
    if ((await readOwner(path)) === mark) await unlink(path).catch(() => undefined);
  };
}

/** Waits for the lock, and runs `work` while this process holds it. Throws FtxError `home` when another process does not release it within 10 s. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const unlock = await waitForLock(path);
  try {
    return await work();
  } finally {
    await unlock();
  }
}

async function waitForLock(path: string): Promise<Unlock> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const unlock = await takeLock(path);
    if (unlock) return unlock;
    if (performance.now() > deadline)
      throw new FtxError(
        'home',
        `${path} is held by another ftx for too long. Try again; if none is running, remove it.`,
      );
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
