/** Finds and makes folders below the receive folder. New folders are made durable, and no symbolic link is followed. */
import { join } from 'node:path';
import { FtxError } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';
import { holdKnown, lookForFolder, type HeldFolder } from '../disk/held-folder.js';
import { removeUpwards } from '../disk/empty-folders.js';
import { createEntrance, type EntranceOptions, type Walked } from './entrance.js';
import type { MadeFolders } from './made-folders.js';
import { isAnythingOpen, MAY_CHANGE, MAY_READ, openFolder, tryOpenFolder, type Close } from './open-up.js';
import { createPlace, type HeldPlace, type Place } from './place.js';
import type { EntryPath } from '../names/safe-path.js';
import type { UnprovenFolders } from './unproven-folders.js';

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
  /**
   * Holds the place of an entry, and makes the parents that are missing. While too many stand for entries that have not
   * come, it waits. Throws FtxError `bad-parent`, `bad-name` if the path is too long, or the reason of the signal.
   */
  find(path: EntryPath, signal?: AbortSignal): Promise<HeldPlace>;
  /** How many folders have to be made on the way to an entry. */
  countMissing(path: EntryPath): number;
  /** As find(), for an entry that has come, without a wait for the disk: makeDurable() has to be called later. */
  findLate(path: EntryPath, signal?: AbortSignal): Promise<HeldPlace>;
  /** Makes the names in the folder of the place durable, and the way to it. Throws what the system throws. */
  makeDurable(place: Place): Promise<void>;
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

export interface FoldersOptions extends EntranceOptions {
  /** Without it, any number of folders may stand for entries that have not come. */
  readonly unproven?: UnprovenFolders | undefined;
}

export function createFolders(options: FoldersOptions): Folders {
  const { root, durability, made, assertSameInbox } = options;
  const ways = createWays(options);

  /** Returns the place of an entry. `folder`, which is held for the entry, is released with the place, and `closes` are called. */
  function openPlace(path: EntryPath, folder: HeldFolder, closes: Close[]): HeldPlace {
    const forget = notePlace(join(root, ...path.parents));
    const onClose = (isUsed: boolean) => {
      forget();
      if (!isUsed) ways.removeUnused(path.parents);
    };
    return createPlace({ root, path, folder, closes, durability, assertSameInbox, onClose });
  }

  return {
    made,
    async find(path, signal) {
      assertLength(root, path.text);
      const { folder, closes } = await ways.walk(path, signal);
      return openPlace(path, folder, closes);
    },
    countMissing: ({ parents }) => countMissing(root, parents),
    async findLate(path, signal) {
      assertLength(root, path.text);
      const { folder, closes } = await ways.walkLate(path, signal);
      return openPlace(path, folder, closes);
    },
    async makeDurable({ folder, path: { parents } }) {
      await Promise.all([durability.folder(folder), ways.makeDurable(parents)]);
    },
    async make(place) {
      const { folder, ground, path } = place;
      const parent = { folder, ground, entry: path.text, makeWritable: () => place.makeWritable() };
      const found = await ways.enter(parent, path.components);
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

/** The ways down to the folders of entries, and back when no entry came. */
function createWays(options: FoldersOptions) {
  const { root, unproven } = options;
  const entrance = createEntrance(options);
  const removeUnused = (parents: readonly string[]) => removeUnusedFolders(options, parents);
  /** The parents of the last entry: as long as they are the same, there is nothing new to note of them. */
  let lastParents: string | undefined;

  /** Takes the way through folders that may have to be made. What was made on a way that ends before is removed. */
  async function walkAnew(path: EntryPath, signal: AbortSignal | undefined): Promise<Walked> {
    const missing = countMissing(root, path.parents);
    const prove = missing > 0 ? await unproven?.take(missing, signal) : undefined;
    try {
      const { folder, closes } = await entrance.walk(path, signal);
      return { folder, closes: prove ? [...closes, prove] : closes };
    } catch (error) {
      removeUnused(path.parents);
      prove?.();
      throw error;
    }
  }

  async function walkLate(path: EntryPath, signal: AbortSignal | undefined): Promise<Walked> {
    // The next walk finds out what of the way is durable by then.
    lastParents = undefined;
    try {
      return await entrance.walk(path, signal, true);
    } catch (error) {
      removeUnused(path.parents);
      throw error;
    }
  }

  return {
    enter: entrance.enter,
    makeDurable: entrance.makeDurable,
    walkLate,
    removeUnused,
    async walk(path: EntryPath, signal: AbortSignal | undefined): Promise<Walked> {
      const parents = path.sibling('');
      const isKnown = parents === lastParents && !isAnythingOpen();
      const known = isKnown ? holdKnown({ root, components: path.parents }) : undefined;
      const walked = known ? { folder: known, closes: [] } : await walkAnew(path, signal);
      lastParents = parents;
      return walked;
    },
  };
}

/** Removes, from the deepest up, the folders that were made for an entry that did not come. */
function removeUnusedFolders({ root, made, room }: FoldersOptions, parents: readonly string[]): void {
  removeUpwards(
    { root, components: parents },
    {
      judge(components, stats) {
        const path = components.join('/');
        if (places.has(join(root, path)) || !made.isUnused(path, { stats })) return undefined;
        return () => {
          made.noteRemoved(path, { stats });
          room.release();
        };
      },
      openUp: (way, folder) => tryOpenFolder(way, folder, MAY_CHANGE),
    },
  );
}

/** How many folders have to be made on the way. */
function countMissing(root: string, parents: readonly string[]): number {
  let found = parents.length;
  while (found > 0 && !lookForFolder({ root, components: parents.slice(0, found) })) found -= 1;
  return parents.length - found;
}

/**
 * Throws FtxError `bad-name` for a path that is too long for the system. The system itself would not refuse it, because
 * folders are made through a descriptor; but no program could reach the entry by its path.
 */
export function assertLength(root: string, path: string): void {
  if (Buffer.byteLength(root) + Buffer.byteLength(path) + '/'.length < PATH_MAX) return;
  throw new FtxError('bad-name', `${showPath(path)}: the path is too long for the receiver's system.`);
}
