/** Sources that stay until the end, made when first asked for. All of them lie in the page cache afterwards. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFile, makeTree, readAll } from './files.js';
import { run } from './processes.js';

export function stockFile(scratch: string, name: string, bytes: number): Promise<string> {
  return stock(scratch, `${name}.bin`, (path) => makeFile(path, bytes));
}

export function stockTree(scratch: string, files: number): Promise<string> {
  return stock(scratch, `tree-${files}`, (path) => makeTree(path, files));
}

async function stock(scratch: string, name: string, make: (path: string) => Promise<void>): Promise<string> {
  const folder = join(scratch, 'sources');
  const path = join(folder, name);
  await mkdir(folder, { recursive: true });
  if (!existsSync(path)) {
    await make(path);
    await run('sync', '-f', path);
  }
  await readAll(path);
  return path;
}
