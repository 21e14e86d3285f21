/** Sets mode and time of open files, and looks at what is at a path. */
import { fchmodSync, fstatSync, futimesSync, type Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { errnoOf } from '../../core/errors.js';

/** The largest 64-bit count of nanoseconds. Times before 1677 or after 2262 are set to the nearest time within. */
const TIME_NS_MAX = 2n ** 63n - 1n;
const NO_PERMISSIONS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];
/** What file systems say of a time that they cannot hold, and those that keep none. */
const NO_TIME = ['EINVAL', 'ERANGE', 'EOVERFLOW', ...NO_PERMISSIONS];
const SETGID = 0o2000;
const SECOND_NS = 1_000_000_000n;

/** A FileHandle, or a descriptor alone. */
export interface OpenFile {
  readonly fd: number;
}

// setMode and setTimes are synchronous: on an open file they take 2 µs and wait for no disk. A trip to a thread takes 40.

/** Sets the nine permission bits of `mode`, and never setuid, setgid or sticky. Does nothing where the file system keeps no such bits. */
export function setMode({ fd }: OpenFile, mode: number): void {
  chmodKept(fd, mode & 0o777);
}

/**
 * Sets the nine permission bits of a folder. It keeps setgid, by which a team's folder hands its group on to what is new
 * in it. Does nothing if `isPutOff` returns true for the new bits, because somebody else sets them later.
 */
export function setFolderMode(folder: OpenFile, mode: number, isPutOff: (bits: number) => boolean): void {
  const bits = (mode & 0o777) | (fstatSync(folder.fd).mode & SETGID);
  if (!isPutOff(bits)) chmodKept(folder.fd, bits);
}

function chmodKept(fd: number, mode: number): void {
  try {
    fchmodSync(fd, mode);
  } catch (error) {
    // For a file of this user, these errors mean that the file system (FAT, some shares) keeps no such bits.
    if (!NO_PERMISSIONS.includes(errnoOf(error) ?? '')) throw error;
  }
}

/** Sets both times as near to `mtimeNs` (nanoseconds since 1970) as Node and the disk can. Node is never off by a whole microsecond. */
export function setTimes({ fd }: OpenFile, mtimeNs: bigint): void {
  const seconds = toSeconds(mtimeNs);
  try {
    // The time is text, because Node takes a negative number for "now".
    futimesSync(fd, seconds, seconds);
  } catch (error) {
    // The disk does not hold this time, or holds none. That is no reason to refuse a file.
    if (!NO_TIME.includes(errnoOf(error) ?? '')) throw error;
  }
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
  // The steps that floating point can count in a second: steps of 238 ns until 2038, and of 954 ns after that.
  const perSecond = clamped < 2n ** 31n * SECOND_NS ? 2n ** 22n : 2n ** 20n;
  const below = (clamped * perSecond) / SECOND_NS;
  const microsecond = (clamped / 1000n) * 1000n;
  const steps = below * SECOND_NS < microsecond * perSecond ? below + 1n : below;
  return `${ns < 0n ? '-' : ''}${Number(steps) / Number(perSecond)}`;
}

/** Looks at a path and follows no link there. Undefined if nothing is there. Throws what else the system throws. */
export async function lstatIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
