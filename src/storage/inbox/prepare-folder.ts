/** Makes the receive folder, and tries whether it can be used. */
import { open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { FtxError, errnoOf } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';
import { DURABLE } from '../disk/durability.js';
import { diskErrnoOf, nameDiskFailure } from '../disk/errno.js';
import { resolveExactly } from '../disk/exact-path.js';
import { findMissingFolders } from '../disk/missing-folders.js';
import { makePartName } from '../names/part-name.js';
import { makeFolder } from './entrance.js';

/**
 * Makes the receive folder if it is missing and returns its absolute path.
 * Throws FtxError `cannot-create` unless it is a folder that a text can name and that can be written to.
 */
export async function prepareFolder(dir: string): Promise<string> {
  const path = resolveExactly(dir);
  if (path === undefined)
    throw new FtxError(
      'cannot-create',
      `Cannot receive into ${showPath(dir)}: its absolute path is not valid UTF-8. Choose a folder with --dir whose absolute path is, perhaps through a link.`,
    );
  try {
    for (const folder of findMissingFolders(path)) await makeUnlessThere(folder);
    await tryToWrite(path);
    return path;
  } catch (error) {
    throw new FtxError('cannot-create', `Cannot receive into ${path}: ${describeObstacle(error)}.`, { cause: error });
  }
}

/** Makes and removes a file, because permission bits do not tell everything: a read-only file system refuses even root. */
async function tryToWrite(folder: string): Promise<void> {
  const probe = join(folder, makePartName());
  const handle = await open(probe, 'wx', 0o600);
  await handle.close();
  await unlink(probe);
}

async function makeUnlessThere(path: string): Promise<void> {
  try {
    await makeFolder(path, DURABLE);
  } catch (error) {
    // Something that is not a folder may have the name. The attempt to write will show it.
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

function describeObstacle(error: unknown): string {
  switch (diskErrnoOf(error)) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'there is a file of that name, or on the way to it; choose another with --dir';
    case 'ENOENT':
      return 'it cannot be made, perhaps because a link on the way leads nowhere; choose another with --dir';
    case 'EACCES':
    case 'EPERM':
      return 'you have no permission to write there; choose another with --dir';
    case 'EROFS':
      return 'the disk is read-only; choose another with --dir';
    case 'ENOSPC':
      return 'the disk is full; make room on it, or choose another with --dir';
    case 'EDQUOT':
      return 'the disk quota is used up; make room in it, or choose another with --dir';
    case undefined:
    default:
      return `it cannot be used (${nameDiskFailure(error)}); choose another with --dir`;
  }
}
