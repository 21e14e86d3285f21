/** Which session has a part file. The others wait for it. */
import type { Entry } from '../../core/entry.js';
import { abortReason, FtxError } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';
import { takeLock, type Lock } from '../disk/lock.js';

/** Milliseconds to wait for another session or process that has the part file. A sender waits for 60 s. */
const MAX_WAIT_MS = 55_000;
/** How often to look again at the lock of another process. */
const LOOK_MS = 1_000;

/** Process-wide, by path: part files that a session has open. Each promise resolves when the part file is free. */
const inUse = new Map<string, Promise<void>>();

/** Whether a session of this process has the part file. */
export function isClaimed(path: string): boolean {
  return inUse.has(path);
}

/** Takes the path for this session. Throws FtxError `busy` when it stays in use, and the reason of `signal`. */
export async function claimPart(
  path: string,
  lockPath: string,
  { path: name }: Entry,
  signal?: AbortSignal,
): Promise<Lock> {
  const deadline = performance.now() + MAX_WAIT_MS;
  for (;;) {
    if (signal?.aborted) throw abortReason(signal);
    const lock = await tryToClaim(path, lockPath);
    if (lock) return lock;
    const left = deadline - performance.now();
    if (left <= 0) throw busyError(name);
    const other = inUse.get(path);
    await waitAtMost(other ? left : Math.min(left, LOOK_MS), other, signal);
  }
}

async function tryToClaim(path: string, lockPath: string): Promise<Lock | undefined> {
  if (inUse.has(path)) return undefined;
  let tellNext: () => void = () => undefined;
  inUse.set(path, new Promise<void>((resolve) => (tellNext = resolve)));
  const free = () => {
    inUse.delete(path);
    tellNext();
  };
  const lock = await takeLock(lockPath);
  if (!lock) free();
  return lock && { isHeld: () => lock.isHeld(), release: () => lock.release().finally(free) };
}

/** Resolves after `ms` milliseconds, when `other` resolves, or when the signal is aborted. */
async function waitAtMost(ms: number, other?: Promise<void>, signal?: AbortSignal): Promise<void> {
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const timer = setTimeout(stop, ms);
  signal?.addEventListener('abort', stop);
  await Promise.race(other ? [other, stopped] : [stopped]);
  signal?.removeEventListener('abort', stop);
  clearTimeout(timer);
}

export function busyError(path: string): FtxError {
  return new FtxError('busy', `${showPath(path)}: another session is receiving this very file. Send it again later.`);
}
