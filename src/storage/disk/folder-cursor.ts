/** Goes from folder to folder of a tree. */
import { HOLDS_BY_DESCRIPTOR, holdFolder, holdRoot, releaseFolder, type HeldFolder } from './held-folder.js';

export interface FolderCursor {
  /** Holds the folder at the end of this way from the root until the next call. Undefined when there is none, or a link on the way. */
  goTo(way: readonly string[]): HeldFolder | undefined;
  close(): void;
}

/**
 * Each folder is held from its neighbour where that is nearer than the root, so that a step costs the same in a deep tree
 * as in a flat one. No link below the root is followed, and the cursor follows no folder that is moved out of the tree.
 */
export function createFolderCursor(root: string): FolderCursor {
  let held: HeldFolder | undefined;
  let last: readonly string[] = [];
  /** The ids of the root and of the folders on the way to the one that is held. */
  let ids: string[] = [];

  function close(): void {
    if (held) releaseFolder(held);
    held = undefined;
  }

  function begin(): void {
    close();
    held = holdRoot(root);
    ids = [held.id];
  }

  /** Holds the entry in place of the folder that it is in. Returns false unless it is a folder. */
  function enter(name: string): boolean {
    const found = held && holdFolder(`${held.path}/${name}`);
    if (typeof found !== 'object') return false;
    close();
    held = found;
    ids.push(found.id);
    return true;
  }

  /** Holds the parent, and so on. Returns false if the way back is not the way that led there. */
  function climb(steps: number): boolean {
    for (let step = 0; step < steps; step += 1) {
      const known = ids.at(-2);
      ids = ids.slice(0, -2);
      if (!enter('..') || held?.id !== known) return false;
    }
    return true;
  }

  function goTo(way: readonly string[]): HeldFolder | undefined {
    try {
      const shared = countShared(last, way);
      const isNear = HOLDS_BY_DESCRIPTOR && held && last.length <= 2 * shared;
      if (!isNear || !climb(last.length - shared)) begin();
      last = way;
      if (way.slice(ids.length - 1).every(enter)) return held;
    } catch {
      // It is gone, or closed to this user.
    }
    close();
    return undefined;
  }

  return { goTo, close };
}

function countShared(one: readonly string[], other: readonly string[]): number {
  const differs = one.findIndex((name, index) => name !== other[index]);
  return differs === -1 ? one.length : differs;
}
