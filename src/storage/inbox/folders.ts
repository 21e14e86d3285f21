/** Finds and makes folders below the receive folder. New folders are made durable, and no symbolic link is followed. */
import { open, unlink, mkdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FtxError, errnoOf } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';
import { DURABLE, type Durability } from '../disk/durability.js';
import { diskErrnoOf, nameDiskFailure } from '../disk/errno.js';
import { resolveExactly } from '../disk/exact-path.js';
import { holdFolder, holdKnown, holdRoot, releaseFolder, type HeldFolder } from '../disk/held-folder.js';
import { PRIVATE_MODE, wasLeftUnfinished, type MadeFolders } from './made-folders.js';
import { makePartName } from '../names/part-name.js';
import { createPlace, type HeldPlace, type Place } from './place.js';
import type { EntryPath } from '../names/safe-path.js';

/** The longest path on Linux, with the NUL at its end. */
const PATH_MAX = 4096;

/** Process-wide, by path: folders that are being made. A session that finds such a folder waits until it is durable. */
const underWay = new Map<string, Promise<void>>();

/** The folder of an offered directory, held; `other` if something that is not a folder has its name. */
export type Found =
  | {
      readonly folder: HeldFolder;
      /** Whether this offer gives the folder its mode and time. */
      readonly isOwn: boolean;
    }
  | 'other';

export interface Folders {
  /** Holds the place of an entry, and makes the parents that are missing. Throws FtxError `bad-parent`, or `bad-name` if the path is too long. */
  find(path: EntryPath): Promise<HeldPlace>;
  readonly made: Pick<MadeFolders, 'count'>;
  /** Holds the folder at a held place, and makes it if it is missing. */
  make(place: Place): Promise<Found>;
  /** To be called at the sender's goodbye. Folders that were made and never offered get the permissions of any new folder. */
  finish(): void;
}

/** Process-wide, by the path of a folder: the number of places in it. The folder need not be held at the moment. */
const places = new Map<string, number>();

/** Counts one more place in the folder. Returns the function that subtracts it again. */
function notePlace(folder: string): () => void {
  places.set(folder, (places.get(folder) ?? 0) + 1);
  return () => {
    const others = (places.get(folder) ?? 1) - 1;
    if (others > 0) places.set(folder, others);
    else places.delete(folder);
  };
}

/** `made` remembers the folders that the session makes, so that they get mode and time of their offers. */
export function createFolders(root: string, durability: Durability, made: MadeFolders): Folders {
  /** Walks from folder to folder. Each one is held until the next one is. */
  async function walk(components: readonly string[]): Promise<HeldFolder> {
    let folder = holdRoot(root);
    for (const [depth, component] of components.entries()) {
      try {
        const note = () => made.note(components.slice(0, depth + 1).join('/'));
        const next = await holdOrMake(`${folder.path}/${component}`, durability, note);
        if (next === 'other') throw badParentError(components.join('/'), component);
        releaseFolder(folder);
        folder = next;
      } catch (error) {
        releaseFolder(folder);
        throw error;
      }
    }
    return folder;
  }

  /** Removes, from the deepest up, the folders that were made for an entry that did not come. */
  function removeUnused(parents: readonly string[]): void {
    for (let depth = parents.length; depth > 0; depth--) {
      const components = parents.slice(0, depth);
      if (places.has(join(root, ...components)) || !made.removeIfUnused(components)) return;
    }
  }

  /** Returns the place of an entry. `folder`, which is held for the entry, is released with the place. */
  function openPlace(path: EntryPath, folder: HeldFolder): HeldPlace {
    const forget = notePlace(join(root, ...path.parents));
    const onClose = (isUsed: boolean) => {
      forget();
      if (!isUsed) removeUnused(path.parents);
    };
    return createPlace({ root, path, folder, durability, onClose });
  }

  return {
    made,
    async find(path) {
      assertLength(root, path.text);
      const folder = holdKnown({ root, components: path.parents }) ?? (await walk(path.parents));
      return openPlace(path, folder);
    },
    async make({ folder, path }) {
      const found = await holdOrMake(`${folder}/${path.name}`, durability, () => made.note(path.text));
      return found === 'other'
        ? found
        : { folder: found, isOwn: made.markOffered(path.text, found) || wasLeftUnfinished(found) };
    },
    finish: () => made.applyUsualModes(),
  };
}

/**
 * Throws FtxError `bad-name` for a path that is too long for the system. The system itself would not refuse it, because
 * folders are made through a descriptor; but no program could reach the entry by its path.
 */
export function assertLength(root: string, path: string): void {
  if (Buffer.byteLength(root) + Buffer.byteLength(path) + '/'.length < PATH_MAX) return;
  throw new FtxError('bad-name', `${showPath(path)}: the path is too long for the receiver's system.`);
}

export function badParentError(path: string, component: string): FtxError {
  return new FtxError(
    'bad-parent',
    `${showPath(path)}: "${showPath(component)}" is there already and is not a folder.`,
  );
}

/** Holds the folder at `path`, and makes it if it is missing. Looks at the path each time, so that a link planted there is seen. */
async function holdOrMake(path: string, durability: Durability, onMade: () => void): Promise<HeldFolder | 'other'> {
  for (;;) {
    const pending = underWay.get(path);
    const found = pending ? await pending.catch(() => undefined) : holdFolder(path);
    if (found === 'other' || typeof found === 'object') return found;
    if (found === 'missing') await makeOnce(path, durability, onMade);
  }
}

async function makeOnce(path: string, durability: Durability, onMade: () => void): Promise<void> {
  const making = makeFolder(path, durability, PRIVATE_MODE).finally(() => underWay.delete(path));
  underWay.set(path, making);
  try {
    await making;
    onMade();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

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
    await makeFolders(path);
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

/** Makes a folder and its parents. mkdir's own `recursive` makes no folder durable, and never returns from `/proc/new` (Node 20). */
async function makeFolders(path: string): Promise<void> {
  if ((await makeUnlessThere(path)) || dirname(path) === path) return;
  await makeFolders(dirname(path));
  if (!(await makeUnlessThere(path))) throw Object.assign(new Error('it cannot be made'), { code: 'ENOENT' });
}

/** Resolves with false if the parent of the folder is missing. */
async function makeUnlessThere(path: string): Promise<boolean> {
  try {
    await makeFolder(path, DURABLE);
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    if (errno === 'ENOENT') return false;
    // Something that is not a folder may have the name. The attempt to write will show it.
    if (!['EEXIST', 'EISDIR'].includes(errno)) throw error;
  }
  return true;
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

/** Makes one folder and, if `durability` asks for it, syncs its parent so that the name survives a power cut. */
export async function makeFolder(path: string, durability: Durability, mode?: number): Promise<void> {
  await mkdir(path, mode);
  try {
    await durability.folder(dirname(path));
  } catch (error) {
    await rmdir(path).catch(() => undefined);
    throw error;
  }
}
