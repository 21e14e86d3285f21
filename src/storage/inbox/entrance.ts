/** The way down to a folder: each folder is held by the one above it, and made if it is missing. */
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FtxError, errnoOf } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';
import type { Durability } from '../disk/durability.js';
import { holdFolder, holdRoot, releaseFolder, type HeldFolder } from '../disk/held-folder.js';
import { PRIVATE_MODE, type MadeFolders } from './made-folders.js';

/** Process-wide, by path: folders that are being made. A session that finds such a folder waits until it is durable. */
const underWay = new Map<string, Promise<void>>();

export interface Entrance {
  /** Holds the folder at the end of the way. Throws FtxError `bad-parent` where something else has a name on it. */
  walk(components: readonly string[]): Promise<HeldFolder>;
  /** Holds the folder at the end of the way. `parent` is a path to the folder above it. */
  enter(parent: string, components: readonly string[]): Promise<HeldFolder | 'other'>;
}

/** `made` learns of the folders that the session makes, and of those that it finds. */
export function createEntrance(root: string, durability: Durability, made: MadeFolders): Entrance {
  async function enter(parent: string, components: readonly string[]): Promise<HeldFolder | 'other'> {
    const { found, isMade } = await holdOrMake(`${parent}/${components.at(-1) ?? ''}`, durability);
    if (found === 'other') return found;
    const path = components.join('/');
    try {
      if (isMade) {
        durability.made(found);
        await made.note(path, found);
      } else {
        await durability.found(found, parent);
        await made.goOn(path, found);
      }
      return found;
    } catch (error) {
      releaseFolder(found);
      throw error;
    }
  }

  return {
    enter,
    /** Each folder is held until the next one is. */
    async walk(components) {
      let folder = holdRoot(root);
      for (const [depth, component] of components.entries()) {
        const from = folder;
        try {
          const next = await enter(from.path, components.slice(0, depth + 1));
          if (next === 'other') throw badParentError(components.join('/'), component);
          folder = next;
        } finally {
          releaseFolder(from);
        }
      }
      return folder;
    },
  };
}

export function badParentError(path: string, component: string): FtxError {
  return new FtxError(
    'bad-parent',
    `${showPath(path)}: "${showPath(component)}" is there already and is not a folder.`,
  );
}

interface Entered {
  readonly found: HeldFolder | 'other';
  /** Whether this call has made the folder. */
  readonly isMade: boolean;
}

/** Holds the folder at `path`, and makes it if it is missing. Looks at the path each time, so that a link planted there is seen. */
async function holdOrMake(path: string, durability: Durability): Promise<Entered> {
  let isMade = false;
  for (;;) {
    const pending = underWay.get(path);
    const found = pending ? await pending.catch(() => undefined) : holdFolder(path);
    if (found === 'other' || typeof found === 'object') return { found, isMade };
    if (found === 'missing') isMade = await makeOnce(path, durability);
  }
}

/** Resolves with false if something has got the name meanwhile. */
async function makeOnce(path: string, durability: Durability): Promise<boolean> {
  const making = makeFolder(path, durability, PRIVATE_MODE).finally(() => underWay.delete(path));
  underWay.set(path, making);
  try {
    await making;
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    return false;
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
