/** Folders for this user alone. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from '../../core/errors.js';

const PRIVATE_MODE = 0o700;

/**
 * Makes a folder and its parents unless they are there. Throws what the system throws. Node's own `recursive` never
 * returns where a parent is there and nothing can be made in it, as in /proc (Node 20).
 */
export function makePrivateFolder(path: string): void {
  if (makeUnlessThere(path) || dirname(path) === path) return;
  makePrivateFolder(dirname(path));
  if (!makeUnlessThere(path)) throw Object.assign(new Error('it cannot be made'), { code: 'ENOENT' });
}

/** False if the parent of the folder is missing. */
function makeUnlessThere(path: string): boolean {
  try {
    mkdirSync(path, PRIVATE_MODE);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  return true;
}
