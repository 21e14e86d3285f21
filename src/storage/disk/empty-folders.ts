/** Removes folders that are empty, unless somebody in this process is going to put something there. */
import { lstatSync, rmdirSync } from 'node:fs';
import { holdWay, idOf, isHeld, lookForFolder, releaseFolder, type HeldFolder, type Way } from './held-folder.js';

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

/** Removes the folder at the end of the way, unless something is in it or somebody holds it. */
export function removeIfEmpty({ root, components }: Way): boolean {
  try {
    const stats = lookForFolder({ root, components });
    if (!stats || isHeld(idOf(stats))) return false;
    const parent = holdWay({ root, components: components.slice(0, -1) });
    try {
      return removeEmptyIn(parent, components.at(-1) ?? '', idOf(stats));
    } finally {
      releaseFolder(parent);
    }
  } catch {
    return false;
  }
}

/** Removes the folder with this id from its parent, unless something is in it or somebody needs it. */
export function removeEmptyIn(parent: HeldFolder, name: string, id: string): boolean {
  const path = `${parent.path}/${name}`;
  try {
    const stats = lstatSync(path, { bigint: true });
    if (idOf(stats) !== id || isHeld(id) || needed.has(id)) return false;
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}
