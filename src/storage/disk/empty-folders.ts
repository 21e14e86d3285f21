/** Removes folders that are empty, unless somebody in this process is going to put something there. */
import { lstatSync, rmdirSync, type BigIntStats } from 'node:fs';
import {
  countHolders,
  expectFolder,
  HOLDS_BY_DESCRIPTOR,
  holdFolder,
  holdWay,
  idOf,
  lookForFolder,
  releaseFolder,
  type HeldFolder,
  type Way,
} from './held-folder.js';

/** Process-wide, by the id of a folder: how many need it although they do not hold it for the moment. */
const needed = new Map<string, number>();

/** Keeps the folder with this id, until the function that is returned is called. */
export function keepFolder(id: string): () => void {
  needed.set(id, (needed.get(id) ?? 0) + 1);
  return () => {
    const others = (needed.get(id) ?? 1) - 1;
    if (others > 0) needed.set(id, others);
    else needed.delete(id);
  };
}

/** Removes the folder with this id from its parent, unless something is in it or somebody needs it. */
export function removeEmptyIn(parent: HeldFolder, name: string, id: string): boolean {
  const path = `${parent.path}/${name}`;
  try {
    const stats = lstatSync(path, { bigint: true });
    if (idOf(stats) !== id || countHolders(id) > 0 || needed.has(id)) return false;
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

export interface Removing {
  /** Asked before each folder: undefined ends the removing; else what it returns is called once the folder is gone. */
  readonly judge: (components: readonly string[], stats: BigIntStats) => (() => void) | undefined;
  /** Opens the folder that something is removed from, if it is closed for writing. */
  readonly openUp: (way: Way, folder: HeldFolder) => (() => void) | undefined;
}

/**
 * Removes the folder at the end of the way, then the one above it, and so on, as long as each is empty, and nobody holds
 * or needs it. Each takes one step, however deep it is.
 */
export function removeUpwards({ root, components }: Way, { judge, openUp }: Removing): void {
  let parent: HeldFolder | undefined;
  try {
    for (let depth = components.length; depth > 0; depth--) {
      const way = { root, components: components.slice(0, depth) };
      const stats = lookForFolder(way);
      // It was not made, or is gone already.
      if (!stats && !parent) continue;
      if (!stats || (parent && parent.id !== idOf(stats)) || isNeeded(idOf(stats), parent)) return;
      const onRemoved = judge(way.components, stats);
      if (!onRemoved) return;
      parent = stepUp(way, parent);
      const close = openUp({ root, components: way.components.slice(0, -1) }, parent);
      try {
        rmdirSync(`${parent.path}/${components[depth - 1] ?? ''}`);
      } finally {
        close?.();
      }
      onRemoved();
    }
  } catch {
    // Something is in it, or another program has taken it away.
  } finally {
    if (parent) releaseFolder(parent);
  }
}

/** Whether others need the folder than the caller, who may hold it as `held`. */
function isNeeded(id: string, held: HeldFolder | undefined): boolean {
  return needed.has(id) || countHolders(id) > (held?.id === id ? 1 : 0);
}

/** Holds the folder above the one at the end of the way, and releases `held`, which is that one. Without it, takes the whole way. */
function stepUp({ root, components }: Way, held: HeldFolder | undefined): HeldFolder {
  const isStep = held !== undefined && HOLDS_BY_DESCRIPTOR;
  const above = isStep
    ? expectFolder(holdFolder(`${held.path}/..`))
    : holdWay({ root, components: components.slice(0, -1) });
  if (held) releaseFolder(held);
  return above;
}
