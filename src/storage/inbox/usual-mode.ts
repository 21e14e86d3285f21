/** The mode that the system gives to what is new in a folder: by the umask, by a default access list, and by setgid. */
import { join } from 'node:path';
import { lstatSync, mkdirSync, rmdirSync } from 'node:fs';
import { makePartName } from '../names/part-name.js';

/** The permission bits that no new file has from the system: a program is made executable by its owner. */
const EXECUTES = 0o111;

/** The mode of a new file, as `touch` would make it. */
export function findUsualFileMode(folder: string): number {
  return findUsualFolderMode(folder) & 0o777 & ~EXECUTES;
}

/** The mode of a new folder. Makes one to learn it, because process.umask() sets the umask for a moment, for all threads. */
export function findUsualFolderMode(folder: string): number {
  const probe = join(folder, makePartName());
  mkdirSync(probe);
  try {
    return lstatSync(probe).mode & 0o777;
  } finally {
    rmdirSync(probe);
  }
}
