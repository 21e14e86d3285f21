import { fchmodSync, futimesSync, type Stats } from 'node:fs';
import { lstat, type FileHandle } from 'node:fs/promises';
import { errnoOf } from '../../core/errors.js';

/** What a 64-bit count of nanoseconds reaches: the years 1677 to 2262. */
const TIME_NS_MAX = 2n ** 63n - 1n;
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

/** To the microsecond, which is as fine as Node sets a time. */
export function setTimes({ fd }: FileHandle, mtimeNs: bigint): void {
  const clamped = mtimeNs > TIME_NS_MAX ? TIME_NS_MAX : mtimeNs < -TIME_NS_MAX ? -TIME_NS_MAX : mtimeNs;
  const microseconds = Number(clamped / 1000n);
  // Half a microsecond further from 0, because libuv cuts what floating point has left of the last one.
  const seconds = (microseconds + (microseconds < 0 ? -0.5 : 0.5)) / 1e6;
  // As text: a negative number means "now" to Node.
  futimesSync(fd, String(seconds), String(seconds));
}

export async function lstatIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
