import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, opendir, readlink, realpath, stat } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { basename, normalize } from 'node:path';
import { FtxError, errnoOf } from '../../core/errors.js';
import { readError, type FoundFile } from '../disk/read-file.js';
import { showPath } from '../disk/disk-error.js';
import { resolveExactly } from '../disk/exact-path.js';

/**
 * Looks at one path from the command line. A link is followed, because the
 * user named it. Throws FtxError `not-found`, `unreadable`, `unsupported` or `usage`.
 */
export async function inspectInput(path: string, name?: string): Promise<FoundFile> {
  const stats = await statInput(path);
  if (!stats.isFile() && !stats.isDirectory()) throw specialInputError(path, stats);
  try {
    await tryToRead(path, stats);
    return { file: await findFile(path, stats), path: name ?? nameOf(path), stats };
  } catch (error) {
    throw readError(error, path);
  }
}

/** The path without links, so that no later link leads elsewhere. Where no text can name that, the path stays as it was given. */
async function findFile(path: string, stats: BigIntStats): Promise<string> {
  const real = await realpath(path, { encoding: 'buffer' });
  if (isUtf8(real)) return real.toString();
  // A folder is read through a link, and a file is not.
  if (stats.isFile() && (await lstat(path)).isSymbolicLink())
    throw new FtxError(
      'unreadable',
      `${showPath(path)}: is a link to a path that is not valid UTF-8. Send the file from the folder that it is in.`,
    );
  return path;
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

/**
 * inspectInputs, without a path that names the same file or folder as one before
 * it and has the same name at the receiver. Two names of one inode are two files.
 */
export async function inspectDistinct(paths: readonly string[], name?: string) {
  const inputs = new Map<string, { readonly path: string; readonly found: FoundFile }>();
  const all = await inspectInputs(paths, name);
  for (const [at, path] of paths.entries()) {
    const found = all[at];
    const key = found && `${found.path}\0${found.file}`;
    if (key && !inputs.has(key)) inputs.set(key, { path, found });
  }
  const distinct = [...inputs.values()];
  return { paths: distinct.map(({ path }) => path), found: distinct.map(({ found }) => found) };
}

function isUnchanged(before: BigIntStats, now: BigIntStats): boolean {
  return (['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs'] as const).every((key) => before[key] === now[key]);
}

async function tryToRead(path: string, stats: BigIntStats): Promise<void> {
  const opened = stats.isDirectory() ? opendir(path) : open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  await (await opened).close();
}

async function statInput(path: string): Promise<BigIntStats> {
  if (path === '') throw new FtxError('not-found', 'The path is empty: it names no file or folder.');
  if (!path.isWellFormed())
    throw new FtxError('unreadable', `${showPath(path)}: is not valid Unicode, so it names no file.`);
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
  const own = basename(normalize(path));
  const absolute = own === '.' || own === '..' ? resolveExactly(path) : own;
  if (absolute === undefined)
    throw new FtxError(
      'unreadable',
      `${showPath(path)}: the name of this folder is not valid UTF-8, so it cannot be sent. Give it one with --name.`,
    );
  const name = basename(absolute);
  if (name !== '') return name;
  throw new FtxError('usage', `${path}: has no name of its own. Give it one with --name.`);
}

/** FtxError `unsupported` for a path that is neither a file, a folder nor a link. */
export function specialFileError(path: string, stats: BigIntStats): FtxError {
  return new FtxError('unsupported', `${showPath(path)}: is ${nameKind(stats)}; ftx sends files, folders and links.`);
}

/** As specialFileError, for a path that the user has named: what comes out of a pipe can be sent as standard input. */
function specialInputError(path: string, stats: BigIntStats): FtxError {
  const { message } = specialFileError(path, stats);
  return new FtxError('unsupported', `${message} To send what it gives, pipe it into ftx send - --name NAME.`);
}

function nameKind(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isBlockDevice() || stats.isCharacterDevice() ? 'a device' : 'something special';
}
