/** Folders below the receiver's root, made durable, with no symbolic link followed on the way. */
import { constants, type Stats } from 'node:fs';
import { access, lstat, mkdir, open, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FtxError, errnoOf } from '../errors.js';
import { showPath } from './disk-error.js';

/** What stands at a path after ensureFolder: `other` is anything but a folder. */
export type FolderState = 'made' | 'present' | 'other';

/** Process-wide: who finds a folder that another session has just made must not call it durable before it is. */
const underWay = new Map<string, Promise<void>>();

export interface Folders {
  /** The absolute path of the folder at these components, made with all its parents, or FtxError `bad-parent`. */
  ensureParents(components: readonly string[]): Promise<string>;
  ensure(path: string): Promise<FolderState>;
  /** Whether this session made the folder. */
  isOwn(path: string): boolean;
}

export function createFolders(root: string): Folders {
  const own = new Set<string>();

  async function ensure(path: string): Promise<FolderState> {
    const state = await ensureFolder(path);
    if (state === 'made') own.add(path);
    return state;
  }

  async function ensureParents(components: readonly string[]): Promise<string> {
    let path = root;
    for (const component of components) {
      path = join(path, component);
      if ((await ensure(path)) === 'other') throw refuseParent(components, component);
    }
    return path;
  }

  return { ensureParents, ensure, isOwn: (path) => own.has(path) };
}

function refuseParent(components: readonly string[], component: string): FtxError {
  const path = showPath(components.join('/'));
  return new FtxError('bad-parent', `${path}: "${showPath(component)}" is there already and is not a folder.`);
}

async function ensureFolder(path: string): Promise<FolderState> {
  const there = await lstatIfAny(path);
  const pending = underWay.get(path);
  if (pending) {
    await pending;
    return 'present';
  }
  if (there) return there.isDirectory() ? 'present' : 'other';
  const making = makeFolder(path).finally(() => underWay.delete(path));
  underWay.set(path, making);
  try {
    await making;
    return 'made';
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return ensureFolder(path);
    throw error;
  }
}

async function makeFolder(path: string): Promise<void> {
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

/**
 * Makes the receive folder if it is missing and returns its absolute path.
 * Throws FtxError `cannot-create` unless it is a folder that can be written to.
 */
export async function prepareFolder(dir: string): Promise<string> {
  const path = resolve(dir);
  try {
    const first = await mkdir(path, { recursive: true });
    if (first !== undefined) await syncParents(first, path);
    if (!(await stat(path)).isDirectory()) throw new Error('it is not a folder');
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return path;
  } catch (error) {
    throw new FtxError('cannot-create', `Cannot receive into ${path}: ${describeObstacle(error)}.`, { cause: error });
  }
}

async function syncParents(first: string, last: string): Promise<void> {
  const top = dirname(resolve(first));
  for (let path = dirname(last); ; path = dirname(path)) {
    await syncFolder(path);
    if (path === top || path === dirname(path)) return;
  }
}

function describeObstacle(error: unknown): string {
  switch (errnoOf(error)) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'there is a file of that name, or on the way to it; choose another with --dir';
    case 'ENOENT':
      return 'a link on the way leads nowhere; choose another folder with --dir';
    case 'EACCES':
    case 'EPERM':
      return 'you have no permission to write there; choose another folder with --dir';
    case 'EROFS':
      return 'the disk is read-only; choose another folder with --dir';
    case 'ENOSPC':
      return 'the disk is full';
    case undefined:
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
