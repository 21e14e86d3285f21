/** What is sent, made once for each size, and the folders it goes to. */
import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { atExit } from './cleanup.js';
import { run } from './processes.js';
import { MIB, TREE_FILE_BYTES } from './sizes.js';

const TREE_FOLDER_FILES = 100;
/** Of a sparse file, one MiB in so many holds data. */
const SPARSE_MIBS = 64;
/** Files up to this size are kept until the end. */
const KEPT_FILE_BYTES = MIB;
/** What a receiver of ftx calls a file that is still arriving. */
const PART = '.ftx-';
/** What a receiver of ftx remembers. */
const LEDGER = '.ftx-ledger';

/** A new folder below `dir` that is removed at the end. */
export async function makeScratch(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  const scratch = mkdtempSync(join(dir, 'ftx-bench-'));
  // Not by Node, which takes much longer for a million files; a second Ctrl-C must not end it.
  atExit(() => spawnSync('sh', ['-c', 'trap "" INT TERM; rm -rf "$1"', 'sh', scratch]));
  return scratch;
}

/** Bytes that no two blocks have in common, so that nothing can be saved on them. */
export async function makeFile(path: string, bytes: number, strideBytes = MIB): Promise<void> {
  const block = randomFillSync(Buffer.alloc(MIB));
  const file = await open(path, 'w');
  try {
    await file.truncate(bytes);
    for (let at = 0; at < bytes; at += strideBytes) {
      block.writeDoubleBE(at);
      await file.write(block, 0, Math.min(MIB, bytes - at), at);
    }
  } finally {
    await file.close();
  }
}

export function makeSparseFile(path: string, bytes: number): Promise<void> {
  return makeFile(path, bytes, SPARSE_MIBS * MIB);
}

/** Files of TREE_FILE_BYTES in folders of a hundred. */
export async function makeTree(path: string, files: number): Promise<void> {
  const content = randomFillSync(Buffer.alloc(TREE_FILE_BYTES));
  for (let i = 0; i < files; i++) {
    const folder = join(path, `folder-${Math.floor(i / TREE_FOLDER_FILES)}`);
    if (i % TREE_FOLDER_FILES === 0) await mkdir(folder, { recursive: true });
    content.writeUInt32BE(i);
    await writeFile(join(folder, `${i}.bin`), content);
  }
}

/** Brings all that is to be sent into the page cache. */
export async function readAll(path: string): Promise<void> {
  if ((await stat(path)).isFile()) return run('dd', `if=${path}`, 'of=/dev/null', 'bs=1M');
  for (const name of await readdir(path)) {
    const inner = join(path, name);
    if ((await stat(inner)).isDirectory()) await readAll(inner);
    else await readFile(inner);
  }
}

export interface Amount {
  readonly files: number;
  readonly bytes: number;
}

/** What lies under its final name below a folder. */
export async function countFiles(folder: string): Promise<Amount> {
  let [files, bytes] = [0, 0];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.startsWith(PART)) continue;
    files += 1;
    bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return { files, bytes };
}

export async function hasPartFiles(folder: string): Promise<boolean> {
  return (await readdir(folder)).some((name) => name.startsWith(PART) && name !== LEDGER);
}

/**
 * Empties a folder and lets the disk come to rest, so that nobody pays for what was before. Small files are only moved
 * out of the way until the end: for a minute ext4 does not use the inodes of removed files again, and searches past all
 * of them for each new one, which makes a tree of 10,000 files take ten times as long.
 */
export async function emptyFolder(folder: string): Promise<void> {
  const { files, bytes } = await countFiles(folder);
  const attic = await mkdtemp(`${folder}-was-`);
  for (const name of await readdir(folder)) await rename(join(folder, name), join(attic, name));
  if (bytes / files > KEPT_FILE_BYTES) await rm(attic, { recursive: true });
  await run('sync', '-f', folder);
}

export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
