/** The way down to a folder: each folder is held by the one above it, and made if it is missing. */
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FtxError, errnoOf } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';
import { LEFT_TO_THE_SYSTEM, type Durability } from '../disk/durability.js';
import {
  expectFolder,
  holdFolder,
  holdRoot,
  releaseFolder,
  type Ground,
  type HeldFolder,
  type Way,
} from '../disk/held-folder.js';
import type { EntryPath } from '../names/safe-path.js';
import type { EntryRoom } from './entry-room.js';
import {
  closeAll,
  MAY_CHANGE,
  MAY_LIST,
  MAY_READ,
  MAY_WALK,
  openFolder,
  tryOpenFolder,
  type Close,
} from './open-up.js';
import { PRIVATE_MODE, type MadeFolders } from './made-folders.js';

/** Process-wide, by path: folders that are being made. A session that finds such a folder waits until it is durable. */
const underWay = new Map<string, Promise<void>>();

export interface Entrance {
  /**
   * Holds the folder in which the path is, and opens what is closed on the way. Throws FtxError `bad-parent` where
   * something else has a name on the way, `denied` for what cannot be opened, `no-space`, and the reason of the signal.
   * `isLate`: the caller makes the way durable later.
   */
  walk(path: EntryPath, signal?: AbortSignal, isLate?: boolean): Promise<Walked>;
  /** Makes the folders on the way durable, with their names, as far as they are not. Throws what the system throws. */
  readonly makeDurable: (components: readonly string[]) => Promise<void>;
  /** Holds the folder at the end of the way. Throws FtxError `no-space` when there is no room to make it, and `denied`. */
  readonly enter: (parent: Parent, components: readonly string[], isLate?: boolean) => Promise<HeldFolder | 'other'>;
}

export interface Walked {
  readonly folder: HeldFolder;
  /** What closes again what was opened. */
  readonly closes: Close[];
}

/** The folder above another one: a path by which it is held, and its ground. `entry` is for messages. */
export interface Parent {
  readonly folder: string;
  readonly ground: Ground;
  readonly entry: string;
  /** Opens the folder for writing, if it is closed. Throws FtxError `denied`. */
  makeWritable(): void;
}

export interface EntranceOptions {
  /** The receive folder, absolute. */
  readonly root: string;
  readonly durability: Durability;
  /** Learns of the folders that the session makes, and of those that it finds. */
  readonly made: MadeFolders;
  readonly room: EntryRoom;
  /** Throws FtxError `io` when the receive folder is another one than at the start. */
  readonly assertSameInbox?: (() => void) | undefined;
}

export function createEntrance(options: EntranceOptions): Entrance {
  const { root, durability } = options;
  const enter = createEnter(options);

  /** Each folder is held until the next one is. */
  async function descend(
    { parents: components, text: entry }: EntryPath,
    closes: Close[],
    { signal, isLate }: { readonly signal: AbortSignal | undefined; readonly isLate: boolean },
  ): Promise<HeldFolder> {
    let folder = holdRoot(root);
    for (const [depth, component] of components.entries()) {
      const from = folder;
      const writable: Close[] = [];
      try {
        // A session that is over gets no more folders.
        signal?.throwIfAborted();
        const way = { root, components: components.slice(0, depth) };
        closes.push(openFolder(way, from, MAY_WALK));
        const ground = { device: String(from.stats.dev), way };
        const makeWritable = () => writable.push(openFolder(way, from, MAY_CHANGE));
        const parent = { folder: from.path, ground, entry, makeWritable };
        const next = await enter(parent, components.slice(0, depth + 1), isLate);
        if (next === 'other') throw badParentError(components.join('/'), component);
        folder = next;
      } finally {
        closeAll(writable);
        releaseFolder(from);
      }
    }
    return folder;
  }

  return {
    enter,
    makeDurable: (components) => makeWayDurable({ root, components }, durability),
    async walk(path, signal, isLate = false) {
      const closes: Close[] = [];
      let folder: HeldFolder | undefined;
      try {
        folder = await descend(path, closes, { signal, isLate });
        closes.push(openToUse({ root, components: path.parents }, folder));
        return { folder, closes };
      } catch (error) {
        if (folder) releaseFolder(folder);
        closeAll(closes);
        throw error;
      }
    },
  };
}

/** Holds two folders at a time: a peer may name a hundred, for each of very many files. */
async function makeWayDurable({ root, components }: Way, durability: Durability): Promise<void> {
  let folder = holdRoot(root);
  try {
    for (const depth of components.keys()) {
      const way = { root, components: components.slice(0, depth + 1) };
      const parent = folder;
      try {
        folder = expectFolder(holdFolder(`${parent.path}/${components[depth] ?? ''}`));
        await durability.found(folder, parent.path, () => tryOpenFolder(way, folder, MAY_READ));
      } finally {
        if (folder !== parent) releaseFolder(parent);
      }
    }
  } finally {
    releaseFolder(folder);
  }
}

function createEnter({ root, durability, made, room }: EntranceOptions): Entrance['enter'] {
  async function noteMaker(at: string, path: string, isLate: boolean): Promise<void> {
    const folder = holdFolder(at);
    if (typeof folder === 'string') return;
    try {
      if (!isLate) durability.made(folder);
      await made.note(path, folder);
    } finally {
      releaseFolder(folder);
    }
  }

  return async (parent, components, isLate = false) => {
    const at = `${parent.folder}/${components.at(-1) ?? ''}`;
    const path = components.join('/');
    const { found, isMade } = await holdOrMake(at, async () => {
      parent.makeWritable();
      const make = () => makeFolder(at, isLate ? LEFT_TO_THE_SYSTEM : durability, PRIVATE_MODE);
      await room.add(parent.ground, parent.entry, make);
      // Nobody goes in before it is known, also after a kill, who has made it.
      await noteMaker(at, path, isLate);
    });
    if (found === 'other' || isMade) return found;
    try {
      if (!isLate)
        await durability.found(found, parent.folder, () => tryOpenFolder({ root, components }, found, MAY_READ));
      await made.goOn(path, found);
      return found;
    } catch (error) {
      releaseFolder(found);
      throw error;
    }
  };
}

/** Without the right to list the folder, names in it cannot be made durable. Without that promise it is enough to walk. */
function openToUse(way: Way, folder: HeldFolder): Close {
  return tryOpenFolder(way, folder, MAY_LIST) ?? openFolder(way, folder, MAY_WALK);
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
