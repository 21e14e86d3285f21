/** Folders below the receiver's root, made durable, with no symbolic link followed on the way. */
import { lstatSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FtxError, errnoOf } from '../errors.js';
import { showPath } from './disk-error.js';
import { makeFolder } from './durable-folder.js';
import { makePartName } from './safe-path.js';

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
  // Asked anew for every entry, so that a link planted meanwhile is seen. Synchronous, because a folder in
  // use is in memory, where a look takes 3 µs, and one by way of a thread 40.
  const there = lstatSync(path, { throwIfNoEntry: false });
  const pending = underWay.get(path);
  if (pending) {
    await pending.catch(() => undefined);
    return ensureFolder(path);
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

/**
 * Makes the receive folder if it is missing and returns its absolute path.
 * Throws FtxError `cannot-create` unless it is a folder that can be written to.
 */
export async function prepareFolder(dir: string): Promise<string> {
  const path = resolve(dir);
  try {
    await makeFolders(path);
    await tryToWrite(path);
    return path;
  } catch (error) {
    throw new FtxError('cannot-create', `Cannot receive into ${path}: ${describeObstacle(error)}.`, { cause: error });
  }
}

/** Permission bits do not tell all: read-only and special file systems refuse even root. */
async function tryToWrite(folder: string): Promise<void> {
  const probe = join(folder, makePartName());
  const handle = await open(probe, 'wx', 0o600);
  await handle.close();
  await unlink(probe);
}

/** Not mkdir's own `recursive`, which makes no folder durable and never returns from `/proc/new` (Node 20). */
async function makeFolders(path: string): Promise<void> {
  if ((await makeUnlessThere(path)) || dirname(path) === path) return;
  await makeFolders(dirname(path));
  if (!(await makeUnlessThere(path))) throw Object.assign(new Error('it cannot be made'), { code: 'ENOENT' });
}

/** False when the folder it is to be in is missing. */
async function makeUnlessThere(path: string): Promise<boolean> {
  try {
    await makeFolder(path);
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    if (errno === 'ENOENT') return false;
    // What is there need not be a folder: the attempt to write will tell.
    if (!['EEXIST', 'EISDIR'].includes(errno)) throw error;
  }
  return true;
}

function describeObstacle(error: unknown): string {
  switch (errnoOf(error)) {
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
      return 'the disk is full';
    case undefined:
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
