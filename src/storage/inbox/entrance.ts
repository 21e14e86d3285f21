/** The way down to a folder: each folder is held by the one above it, and made if it is missing. */
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FtxError, errnoOf } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';
import type { Durability } from '../disk/durability.js';
import { holdFolder, holdRoot, releaseFolder, type Ground, type HeldFolder } from '../disk/held-folder.js';
import type { EntryPath } from '../names/safe-path.js';
import type { EntryRoom } from './entry-room.js';
import { PRIVATE_MODE, type MadeFolders } from './made-folders.js';

/** Process-wide, by path: folders that are being made. A session that finds such a folder waits until it is durable. */
const underWay = new Map<string, Promise<void>>();

export interface Entrance {
  /** Holds the folder in which the path is. Throws FtxError `bad-parent` where something else has a name on the way, and `no-space`. */
  walk(path: EntryPath): Promise<HeldFolder>;
  /** Holds the folder at the end of the way. Throws FtxError `no-space` when there is no room to make it. */
  enter(parent: Parent, components: readonly string[]): Promise<HeldFolder | 'other'>;
}

/** The folder above another one: a path by which it is held, and its ground. `entry` is for messages. */
export interface Parent {
  readonly folder: string;
  readonly ground: Ground;
  readonly entry: string;
}

export interface EntranceOptions {
  /** The receive folder, absolute. */
  readonly root: string;
  readonly durability: Durability;
  /** Learns of the folders that the session makes, and of those that it finds. */
  readonly made: MadeFolders;
  readonly room: EntryRoom;
}

export function createEntrance({ root, durability, made, room }: EntranceOptions): Entrance {
  async function enter({ folder: parent, ground, entry }: Parent, components: readonly string[]) {
    const at = `${parent}/${components.at(-1) ?? ''}`;
    const make = () => room.add(ground, entry, () => makeFolder(at, durability, PRIVATE_MODE));
    const { found, isMade } = await holdOrMake(at, make);
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
    async walk({ parents: components, text: entry }) {
      let folder = holdRoot(root);
      for (const [depth, component] of components.entries()) {
        const from = folder;
        try {
          const way = { root, components: components.slice(0, depth) };
          const parent = { folder: from.path, ground: { device: String(from.stats.dev), way }, entry };
          const next = await enter(parent, components.slice(0, depth + 1));
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
async function holdOrMake(path: string, make: () => Promise<void>): Promise<Entered> {
  let isMade = false;
  for (;;) {
    const pending = underWay.get(path);
    const found = pending ? await pending.catch(() => undefined) : holdFolder(path);
    if (found === 'other' || typeof found === 'object') return { found, isMade };
    if (found === 'missing') isMade = await makeOnce(path, make);
  }
}

/** Resolves with false if something has got the name meanwhile. */
async function makeOnce(path: string, make: () => Promise<void>): Promise<boolean> {
  const making = make().finally(() => underWay.delete(path));
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
