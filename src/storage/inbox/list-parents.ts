/** Finds the folders of the entries of a list, by their paths, and opens those that are closed while one entry is judged. */
import { accessSync, constants, lstatSync, statSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../core/errors.js';
import { holdWay, releaseFolder, type Ground, type Way } from '../disk/held-folder.js';
import type { EntryPath } from '../names/safe-path.js';
import { badParentError } from './entrance.js';
import {
  canOpenUp,
  closeAll,
  closedError,
  isAllowed,
  MAY_CHANGE,
  MAY_WALK,
  openUp,
  type Close,
  type Held,
} from './open-up.js';

/** The parent folder of an entry, or the deepest folder on the way to it that exists (`isThere` false). */
export interface Parent {
  readonly folder: string;
  readonly isThere: boolean;
  readonly ground: Ground;
  /** To be called when the entry is judged. */
  close(): void;
}

/** Returns findParent with a memory for the last folder, because the entries of a folder come one after the other. */
export function createParentFinder(root: string): (path: EntryPath) => Parent {
  let known: { readonly folder: string; readonly parent: Parent } | undefined;
  return (path) => {
    const folder = path.sibling('');
    if (known?.folder === folder) return known.parent;
    const closes: Close[] = [];
    const parent = findParent(root, path, closes);
    known = closes.length === 0 ? { folder, parent } : undefined;
    return parent;
  };
}

/** What is opened on the way is added to `closes`. */
function findParent(root: string, { text, parents }: EntryPath, closes: Close[]): Parent {
  let folder = root;
  let { dev } = statSync(root, { bigint: true });
  const close = () => closeAll(closes);
  const describe = (isThere: boolean, depth: number) => {
    const way = { root, components: parents.slice(0, depth) };
    return { folder, isThere, ground: { device: String(dev), way }, close };
  };
  try {
    for (const [depth, component] of parents.entries()) {
      const path = join(folder, component);
      const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (!stats) return describe(false, depth);
      if (!stats.isDirectory()) throw badParentError(text, component);
      openToLook({ root, components: parents.slice(0, depth + 1) }, path, stats, closes);
      [folder, dev] = [path, stats.dev];
    }
    return describe(true, parents.length);
  } catch (error) {
    close();
    throw error;
  }
}

/** Throws FtxError `denied` for a folder that this user cannot look into. */
function openToLook(way: Way, path: string, stats: BigIntStats, closes: Close[]): void {
  // Most folders are open, and those have nothing to close.
  if (isAllowed({ path, stats }, MAY_WALK)) return;
  const close = openUp({ ...way, path, stats, hold: () => holdByWay(way) }, MAY_WALK);
  if (!close) throw closedError(way.components.join('/'), stats, MAY_WALK);
  closes.push(close);
}

function holdByWay(way: Way): Held {
  const folder = holdWay(way);
  return { path: folder.path, stats: folder.stats, release: () => releaseFolder(folder) };
}

/** Parents in which this user may make something: that is not asked for each entry of a folder. */
const writable = new WeakSet<Parent>();

/** Throws FtxError `denied` for a folder in which this user can make nothing, and what else the system throws. */
export function assertWritable(parent: Parent): void {
  const { folder, ground } = parent;
  if (writable.has(parent)) return;
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    writable.add(parent);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    const stats = lstatSync(folder, { bigint: true });
    if (!canOpenUp({ path: folder, stats }, MAY_CHANGE))
      throw closedError(ground.way.components.join('/'), stats, MAY_CHANGE);
  }
}
