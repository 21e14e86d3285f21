/** Where programs are. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where daemons live; not on everybody's path. */
const MORE_FOLDERS = ['/usr/sbin', '/sbin', '/usr/lib/openssh'];

/** The absolute path of an installed program. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''), ...MORE_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** This code runs from a build folder somewhere below the repository. */
function findRepository(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** The command line of ftx as it is built. */
export const FTX: readonly string[] = [process.execPath, join(findRepository(), 'dist/cli/main.js')];

/** The command line of another build of ftx: `folder` is its dist, or the package folder that holds dist. */
export function findBuild(folder: string): readonly string[] {
  const mains = ['cli/main.js', 'dist/cli/main.js'].map((main) => resolve(folder, main));
  const main = mains.find((path) => existsSync(path));
  if (main === undefined)
    throw new Error(`--against ${folder}: there is no cli/main.js and no dist/cli/main.js in it.`);
  return [process.execPath, main];
}

/** The command line of one of the programs in load/. */
export function loadProgram(name: string): readonly string[] {
  return [process.execPath, fileURLToPath(new URL(`load/${name}.js`, import.meta.url))];
}
