import { fchmodSync, futimesSync, type Stats } from 'node:fs';
import { lstat, type FileHandle } from 'node:fs/promises';
import { errnoOf } from '../../core/errors.js';

/** What a 64-bit count of nanoseconds reaches: the years 1677 to 2262. */
const TIME_NS_MAX = 2n ** 63n - 1n;
const SECOND_NS = 1_000_000_000n;
const NO_PERMISSIONS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

// Synchronous, because on an open file they take 2 µs and wait for no disk; handing each to a thread takes 40.

/** The nine permission bits, never setuid, setgid or sticky. */
export function setMode({ fd }: FileHandle, mode: number): void {
  try {
    fchmodSync(fd, mode & 0o777);
  } catch (error) {
    // For a file of our own it means that the file system (FAT, some shares) keeps no such bits.
    if (!NO_PERMISSIONS.includes(errnoOf(error) ?? '')) throw error;
  }
}

/** As near to `mtimeNs` as Node can set a time, and never off by a whole microsecond. */
export function setTimes({ fd }: FileHandle, mtimeNs: bigint): void {
  const seconds = toSeconds(mtimeNs);
  // As text: a negative number means "now" to Node.
  futimesSync(fd, seconds, seconds);
}

/**
 * The time as a number of seconds for Node, which takes floating point only.
 *
 * Older versions of Node cut that number to microseconds, newer ones to nanoseconds. So the number is the last that
 * is not above the time, unless that would be another microsecond: then it is the first in this one.
 */
function toSeconds(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const clamped = size > TIME_NS_MAX ? TIME_NS_MAX : size;
  // How many steps to a second floating point can count: of 238 ns until 2038, of 954 ns after that.
  const perSecond = clamped < 2n ** 31n * SECOND_NS ? 2n ** 22n : 2n ** 20n;
  const below = (clamped * perSecond) / SECOND_NS;
  const microsecond = (clamped / 1000n) * 1000n;
  const steps = below * SECOND_NS < microsecond * perSecond ? below + 1n : below;
  return `${ns < 0n ? '-' : ''}${Number(steps) / Number(perSecond)}`;
}

export async function lstatIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
