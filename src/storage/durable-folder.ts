import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '../errors.js';

/** Makes one folder, durable in the one it is in. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path);
  try {
    await syncFolder(dirname(path));
  } catch (error) {
    await rmdir(path).catch(() => undefined);
    throw error;
  }
}

export async function lstatIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder as a file; NTFS journals its names itself.
  if (process.platform === 'win32') return;
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems cannot do it at all and say so like this (as PostgreSQL's fsync_fname has found).
    if (!['EINVAL', 'EBADF'].includes(errnoOf(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}
