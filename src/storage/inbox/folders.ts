/** Finds and makes folders below the receive folder. New folders are made durable, and no symbolic link is followed. */
import { join } from 'node:path';
import { FtxError } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';
import { holdKnown, lookForFolder, type HeldFolder } from '../disk/held-folder.js';
import { createEntrance, type EntranceOptions } from './entrance.js';
import type { MadeFolders } from './made-folders.js';
import { isAnythingOpen, MAY_READ, openFolder, type Close } from './open-up.js';
import { createPlace, type HeldPlace, type Place } from './place.js';
import type { EntryPath } from '../names/safe-path.js';

/** The longest path on Linux, with the NUL at its end. */
const PATH_MAX = 4096;

/** The folder of an offered directory, held; `other` if something that is not a folder has its name. */
export type Found =
  | {
      readonly folder: HeldFolder;
      /** Whether this offer gives the folder its mode and time. */
      readonly isOwn: boolean;
      /** Opens the folder for reading, if it is closed. Throws FtxError `denied`. */
      readonly openUp: () => Close;
    }
  | 'other';

export interface Folders {
  /** Holds the place of an entry, and makes the parents that are missing. Throws FtxError `bad-parent`, or `bad-name` if the path is too long. */
  find(path: EntryPath): Promise<HeldPlace>;
  readonly made: Pick<MadeFolders, 'count'>;
  /** Whether the sender has made the folder, in this session or before. The receive folder is nobody's. */
  isOwn(components: readonly string[]): Promise<boolean>;
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

export function createFolders(options: EntranceOptions): Folders {
  const { root, durability, made, room, assertSameInbox } = options;
  const entrance = createEntrance(options);
  /** The parents of the last entry: as long as they are the same, there is nothing new to note of them. */
  let lastParents: string | undefined;

  /** Removes, from the deepest up, the folders that were made for an entry that did not come. */
  function removeUnused(parents: readonly string[]): void {
    for (let depth = parents.length; depth > 0; depth--) {
      const components = parents.slice(0, depth);
      if (places.has(join(root, ...components)) || !made.removeIfUnused(components)) return;
      room.release();
    }
  }

  /** Returns the place of an entry. `folder`, which is held for the entry, is released with the place, and `closes` are called. */
  function openPlace(path: EntryPath, folder: HeldFolder, closes: Close[]): HeldPlace {
    const forget = notePlace(join(root, ...path.parents));
    const onClose = (isUsed: boolean) => {
      forget();
      if (!isUsed) removeUnused(path.parents);
    };
    return createPlace({ root, path, folder, closes, durability, assertSameInbox, onClose });
  }

  return {
    made,
    async find(path) {
      assertLength(root, path.text);
      const parents = path.sibling('');
      const isKnown = parents === lastParents && !isAnythingOpen();
      const known = isKnown ? holdKnown({ root, components: path.parents }) : undefined;
      const { folder, closes } = known ? { folder: known, closes: [] } : await entrance.walk(path);
      lastParents = parents;
      return openPlace(path, folder, closes);
    },
    async make(place) {
      const { folder, ground, path } = place;
      const parent = { folder, ground, entry: path.text, makeWritable: () => place.makeWritable() };
      const found = await entrance.enter(parent, path.components);
      if (found === 'other') return found;
      const way = { root, components: path.components };
      const isOwn = await made.markOffered(path.text, found);
      return { folder: found, isOwn, openUp: () => openFolder(way, found, MAY_READ) };
    },
    async isOwn(components) {
      const stats = components.length > 0 ? lookForFolder({ root, components }) : undefined;
      return stats !== undefined && made.isOwn(components.join('/'), { stats });
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
