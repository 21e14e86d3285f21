/** Files in the home that only this user may read. */
import { open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { errnoOf, FtxError, nameFailure } from '../core/errors.js';
import { syncFolder } from '../storage/disk/durability.js';
import { findOwner, makeOwnerMark } from '../storage/disk/owner.js';

const MAX_PLACING_MS = 60 * 60 * 1000;

/** Writes `text` to a temporary file, durable and for this user alone, and has `place` move it to `path`. Throws what the system throws. */
export async function placeFile(
  path: string,
  text: string,
  place: (from: string, to: string) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${makeOwnerMark()}`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await place(temporary, path);
    await syncFolder(dirname(path));
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

/** Removes files that a killed process was about to place: their names end in a dot and the mark of the process. */
export async function removeOrphaned(home: string): Promise<void> {
  const names = await readdir(home).catch(() => []);
  await Promise.all(names.map((name) => removeIfOrphaned(join(home, name)).catch(() => undefined)));
}

async function removeIfOrphaned(path: string): Promise<void> {
  const owner = findOwner(extname(path).slice(1));
  if (owner === 'alive' || owner === 'none') return;
  // To place a file takes moments, wherever the process runs that does it.
  if (owner === 'elsewhere' && Date.now() - (await stat(path)).mtimeMs < MAX_PLACING_MS) return;
  await unlink(path);
}

/**
 * Reads a file; undefined when there is none. Throws FtxError `home` when it cannot be read, or when its permission bits
 * have one of `forbidden`. `danger` says in words what those bits lead to.
 */
export async function readPrivateFile(path: string, forbidden: number, danger: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & forbidden) !== 0)
      throw new FtxError('home', `Other users have access to ${path}: ${danger}. Mend it with: chmod 600 ${path}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw homeError(path, 'cannot be read', error);
  }
}

/** FtxError `home` for what went wrong with the file at `path`. An FtxError stays as it is. */
export function homeError(path: string, what: string, cause: unknown): FtxError {
  if (cause instanceof FtxError) return cause;
  const advice = 'Set FTX_HOME to a folder of your own, or use --plain on both sides of a trusted network.';
  return new FtxError('home', `${path} ${what} (${nameFailure(cause)}). ${advice}`, { cause });
}
