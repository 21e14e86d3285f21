/** One process at a time: a link to nothing but the mark of its owner. */
import { readlink, symlink, unlink } from 'node:fs/promises';
import { errnoOf, FtxError } from '../../core/errors.js';
import { makeOwnerMark, mayBeRunning } from './owner.js';

export const LOCK_SUFFIX = '.lock';
/** Of the lock on taking over a lock. */
export const TAKEOVER_SUFFIX = LOCK_SUFFIX + LOCK_SUFFIX;
const POLL_MS = 20;
const WAIT_MS = 10_000;

type Unlock = () => Promise<void>;

/** Resolves with the way to give the lock back, undefined while another holds it. */
export async function takeLock(path: string): Promise<Unlock | undefined> {
  const unlock = await claim(path);
  if (unlock) return unlock;
  if (await isLocked(path)) return undefined;
  // Somebody was killed. Two who see that must not both remove the lock: the later one would remove that of the other.
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

export async function isLocked(path: string): Promise<boolean> {
  return mayBeRunning(await readOwner(path));
}

/** The mark of its owner, also of one who is gone; empty if it is no lock. */
export async function readOwner(path: string): Promise<string> {
  return readlink(path).catch(() => '');
}

/** A link, because it comes into being with its content. */
async function claim(path: string): Promise<Unlock | undefined> {
  const mark = makeOwnerMark();
  try {
    await symlink(mark, path);
  } catch (error) {
    // Where there are no links (FAT), there are no locks.
    return errnoOf(error) === 'EEXIST' ? undefined : () => Promise.resolve();
  }
  return async () => {
    if ((await readOwner(path)) === mark) await unlink(path).catch(() => undefined);
  };
}

/** Runs `work` while this process holds the lock. Throws FtxError `home` when another does not let go of it. */
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
