/** Folders for this user alone. */
import { mkdirSync } from 'node:fs';
import { errnoOf } from '../../core/errors.js';
import { findMissingFolders } from './missing-folders.js';

const PRIVATE_MODE = 0o700;

/** Makes a folder and its parents unless they are there. Throws what the system throws. */
export function makePrivateFolder(path: string): void {
  findMissingFolders(path).forEach(makeOnePrivateFolder);
}

/** As makePrivateFolder, for a folder whose parent has to be there. */
export function makeOnePrivateFolder(path: string): void {
  try {
    mkdirSync(path, PRIVATE_MODE);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}
