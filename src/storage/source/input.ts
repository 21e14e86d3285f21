import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, opendir, readlink, realpath, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { FtxError, errnoOf } from '../../core/errors.js';
import { readError, type FoundFile } from '../disk/read-file.js';
import { showPath } from '../disk/disk-error.js';

/**
 * Looks at one path from the command line. A link is followed, because the
 * user named it. Throws FtxError `not-found`, `unreadable`, `unsupported` or `usage`.
 */
export async function inspectInput(path: string, name?: string): Promise<FoundFile> {
  const stats = await statInput(path);
  if (!stats.isFile() && !stats.isDirectory()) throw specialFileError(path, stats);
  try {
    await tryToRead(path, stats);
    return { file: await realpath(path), path: name ?? nameOf(path), stats };
  } catch (error) {
    throw readError(error, path);
  }
}

/**
 * inspectInput for each path in turn; `name` goes with a single path. `before`
 * is what an earlier call has found: a path that has not changed since then
 * costs one look.
 */
export async function inspectInputs(
  paths: readonly string[],
  name?: string,
  before: readonly FoundFile[] = [],
): Promise<FoundFile[]> {
  const found = [];
  for (const [at, path] of paths.entries()) {
    const known = before[at];
    const isSame = known !== undefined && isUnchanged(known.stats, await statInput(path));
    found.push(isSame ? known : await inspectInput(path, name));
  }
  return found;
}

function isUnchanged(before: BigIntStats, now: BigIntStats): boolean {
  return (['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs'] as const).every((key) => before[key] === now[key]);
}

async function tryToRead(path: string, stats: BigIntStats): Promise<void> {
  const opened = stats.isDirectory() ? opendir(path) : open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  await (await opened).close();
}

async function statInput(path: string): Promise<BigIntStats> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    throw await missingError(path, error);
  }
}

async function missingError(path: string, error: unknown): Promise<FtxError> {
  const errno = errnoOf(error);
  if (errno === 'ELOOP') return notFoundError(path, 'is a link that leads back to itself', error);
  if (errno !== 'ENOENT' && errno !== 'ENOTDIR') return readError(error, path);
  const isLink = await lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  );
  if (!isLink) return notFoundError(path, 'no such file or folder. Check the path', error);
  return notFoundError(path, `is a link to ${showPath(await readlink(path))}, which does not exist`, error);
}

function notFoundError(path: string, reason: string, cause: unknown): FtxError {
  return new FtxError('not-found', `${showPath(path)}: ${reason}.`, { cause });
}

function nameOf(path: string): string {
  const name = basename(resolve(path));
  if (name !== '') return name;
  throw new FtxError('usage', `${path}: has no name of its own. Give it one with --name.`);
}

/** FtxError `unsupported` for a path that is neither a file, a folder nor a link. */
export function specialFileError(path: string, stats: BigIntStats): FtxError {
  const what = stats.isFIFO()
    ? 'a named pipe'
    : stats.isSocket()
      ? 'a socket'
      : stats.isBlockDevice() || stats.isCharacterDevice()
        ? 'a device'
        : 'something special';
  return new FtxError('unsupported', `${showPath(path)}: is ${what}; ftx sends files, folders and links.`);
}
