/** Files in the home that only this user may read. */
import { open, readdir, readFile, realpath, stat, unlink } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { errnoOf, FtxError, nameFailure } from '../core/errors.js';
import { syncFolder } from '../storage/disk/durability.js';
import { findOwner, makeOwnerMark } from '../storage/disk/owner.js';

const ROOT = 0;
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
 * Reads a file; undefined when there is none. Throws FtxError `home` when it cannot be read, when its permission bits
 * have one of `forbidden`, or when another user may have put it there. `danger` says in words what that leads to.
 */
export async function readPrivateFile(path: string, forbidden: number, danger: string): Promise<string | undefined> {
  try {
    await assertOwn(dirname(path), WRITTEN_BY_OTHERS, `whoever may write there can replace ${path}, and ${danger}`);
    const real = await realpath(path);
    if (dirname(real) !== dirname(path)) await assertOwn(dirname(real), WRITTEN_BY_OTHERS, danger);
    await assertOwn(real, forbidden, danger);
    return await readFile(real, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw homeError(path, 'cannot be read', error);
  }
}

const WRITTEN_BY_OTHERS = 0o022;

/**
 * As sshd with StrictModes: what is believed belongs to this user or to root, and others may not write to it. Throws
 * FtxError `home`, or what the system throws.
 */
async function assertOwn(path: string, forbidden: number, danger: string): Promise<void> {
  const stats = await stat(path);
  const { uid, mode } = stats;
  const own = process.geteuid?.();
  // Windows has no such owners and modes.
  if (own === undefined) return;
  const advice = 'Or set FTX_HOME to a folder of your own.';
  if (uid !== own && uid !== ROOT)
    throw new FtxError(
      'home',
      `${path} belongs to another user: ${danger}. Mend it with: chown ${own} ${path}. ${advice}`,
    );
  if ((mode & forbidden) === 0) return;
  const mend = stats.isDirectory() ? `chmod go-w ${path}` : `chmod 600 ${path}`;
  throw new FtxError('home', `Other users have access to ${path}: ${danger}. Mend it with: ${mend}. ${advice}`);
}

/** FtxError `home` for what went wrong with the file at `path`. An FtxError stays as it is. */
export function homeError(path: string, what: string, cause: unknown): FtxError {
  if (cause instanceof FtxError) return cause;
  const advice = 'Set FTX_HOME to a folder of your own, or use --plain on both sides of a trusted network.';
  return new FtxError('home', `${path} ${what} (${nameFailure(cause)}). ${advice}`, { cause });
}
