/** What has to be made before a folder can be used. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The folder and its parents, as far as nothing is there: the topmost first. The path is absolute. Throws what the system
 * throws. Whoever makes them one after the other does without Node's own `recursive`, which never returns where a parent
 * is there and nothing can be made in it, as in /proc (Node 20), and makes no folder durable.
 */
export function findMissingFolders(path: string): string[] {
  const missing: string[] = [];
  for (let folder = path; !statSync(folder, { throwIfNoEntry: false }); folder = dirname(folder))
    missing.unshift(folder);
  return missing;
}
