/**
 * A lock that one process holds at a time: a file with the mark of the process and a count that grows while it lives.
 * Where the mark tells for certain whether its process runs, that decides. Everywhere else, such as between two
 * containers or after a restart of the machine, the lock is dead when it has not changed for DEAD_MS.
 */
import { constants, type Stats } from 'node:fs';
import { lstat, open, readlink, unlink, type FileHandle } from 'node:fs/promises';
import { errnoOf, FtxError } from '../../core/errors.js';
import { findOwner, makeOwnerMark } from './owner.js';
import { isStill } from './stillness.js';

export const LOCK_SUFFIX = '.lock';
/** How often a process renews a lock that it holds. */
export const RENEW_MS = 5_000;
const POLL_MS = 20;
/** Longer than a lock stays that nobody renews, and after it that of a process which was killed while it took the first one over. */
const WAIT_MS = 70_000;

const EXISTING = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MAX_BYTES = 200;

export interface Lock {
  /** Renews the lock. Resolves with false once another process has taken it over, because this one was suspended for too long. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/** Where no lock can be made, every process gets one. */
const NO_LOCK: Lock = { isHeld: () => Promise.resolve(true), release: () => Promise.resolve() };

/** Resolves with the lock; undefined while another process holds it. */
export async function takeLock(path: string): Promise<Lock | undefined> {
  const lock = await claim(path);
  if (lock) return lock;
  if ((await findHolder(path)) === 'alive') return undefined;
  // The holder was killed. A second lock comes before the removal of the first: otherwise two processes could both
  // clean up, and the slower one would remove the new lock of the faster one.
  const takeover = await takeLock(path + LOCK_SUFFIX);
  try {
    return takeover && (await takeOver(path));
  } finally {
    await takeover?.release();
  }
}

async function takeOver(path: string): Promise<Lock | undefined> {
  if ((await findHolder(path)) === 'alive') return undefined;
  const isGone = await unlink(path).then(
    () => true,
    (error: unknown) => errnoOf(error) === 'ENOENT',
  );
  return isGone ? claim(path) : NO_LOCK;
}

/** Tells whether a process that runs holds the lock. A process of which nothing is known counts as `alive` until the lock has been seen unchanged for long enough. */
export async function findHolder(path: string): Promise<'alive' | 'dead' | 'none'> {
  const stats = await lstat(path).catch(() => undefined);
  if (!stats) return 'none';
  const text = await readText(path, stats);
  const state = findOwner(markIn(text), stats.mtimeMs);
  if (state === 'alive' || state === 'dead') return state;
  // What holds no mark is recognised by its own identity.
  const sight = state === 'elsewhere' ? text : `${stats.dev}:${stats.ino}:${stats.ctimeMs}:${text}`;
  return isStill(sight) ? 'dead' : 'alive';
}

/** The locks of version 0.1.0 are symbolic links to the mark. */
async function readText(path: string, stats: Stats): Promise<string> {
  if (stats.isSymbolicLink()) return readlink(path).catch(() => '');
  if (!stats.isFile()) return '';
  return withFile(path, readStart).catch(() => '');
}

async function withFile<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, EXISTING);
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}

async function readStart(handle: FileHandle): Promise<string> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
  return buffer.toString('latin1', 0, bytesRead);
}

function markIn(text: string): string {
  return text.split(' ', 1)[0] ?? '';
}

/** Undefined when something has the name already. */
async function claim(path: string): Promise<Lock | undefined> {
  const mark = makeOwnerMark();
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(writeText(mark, 0));
    } catch {
      // Without its mark the lock would look like one that nobody holds.
      await unlink(path).catch(() => undefined);
      return NO_LOCK;
    } finally {
      await handle.close();
    }
  } catch (error) {
    return errnoOf(error) === 'EEXIST' ? undefined : NO_LOCK;
  }
  return holdLock(path, mark);
}

/** All texts of a lock are of one length, so that a newer one covers the older one. */
function writeText(mark: string, renewals: number): string {
  return `${mark} ${String(renewals).padStart(12, '0')}\n`;
}

function holdLock(path: string, mark: string): Lock {
  let renewals = 0;
  let isLost = false;
  let last: Promise<unknown> = Promise.resolve();

  /** Writes to the file that was looked at, and never to one that has taken its place. */
  async function renew(): Promise<void> {
    if (isLost) return;
    try {
      await withFile(path, async (handle) => {
        isLost = markIn(await readStart(handle)) !== mark;
        if (!isLost) await handle.write(writeText(mark, (renewals += 1)), 0);
      });
    } catch (error) {
      // A disk that is slow or full takes no lock away.
      isLost = ['ENOENT', 'ELOOP', 'EISDIR'].includes(errnoOf(error) ?? '');
    }
  }

  function renewInTurn(): Promise<unknown> {
    return (last = last.then(renew));
  }

  const timer = setInterval(() => void renewInTurn(), RENEW_MS);
  timer.unref();
  return {
    isHeld: () => renewInTurn().then(() => !isLost),
    async release() {
      clearInterval(timer);
      await renewInTurn();
      if (!isLost) await unlink(path).catch(() => undefined);
    },
  };
}

/** Waits for the lock, and runs `work` while this process holds it. Throws FtxError `home` when another process does not release it in time. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = await waitForLock(path);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

async function waitForLock(path: string): Promise<Lock> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const lock = await takeLock(path);
    if (lock) return lock;
    if (performance.now() > deadline)
      throw new FtxError(
        'home',
        `${path} is held by another ftx for too long. Try again; if none is running, remove it.`,
      );
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
