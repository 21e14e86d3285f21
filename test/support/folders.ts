/** Temporary folders, files with content that is never twice the same, and a walker to compare trees by. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdtemp, open, readdir, readlink, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { onTestFinished } from 'vitest';

const SLICE_BYTES = 1024 * 1024;

/** A new folder that is removed when the test ends. */
export async function tempDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'ftx-test-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** `size` bytes that depend on `seed` and on their position, quickly: a 32-bit xorshift. */
export function makeContent(size: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = (seed * 0x9e3779b1 + 0x85ebca6b) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer, 0, size);
}

/** Writes a file of `size` bytes slice by slice, so that a large one needs no large memory. */
export async function writeContent(path: string, size: number, seed = 1): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (let at = 0; at < size; at += SLICE_BYTES) {
      await file.write(makeContent(Math.min(SLICE_BYTES, size - at), seed + at / SLICE_BYTES));
    }
  } finally {
    await file.close();
  }
}

/** Sets a time of last change that is exact in every unit a file system keeps. */
export async function setTime(path: string, seconds: number): Promise<void> {
  await utimes(path, seconds, seconds);
}

export interface TreeEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Octal permission bits, and microseconds, which every supported Node sets; empty for links. */
  readonly mode: string;
  readonly mtime: string;
  /** SHA-256 of a file, target of a link. */
  readonly content: string;
}

/** Everything below a folder, sorted by path; the folder itself is not in it. */
export async function readTree(root: string): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  for (const name of await listBelow(root)) {
    entries.push(await readEntry(join(root, name), name));
  }
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export async function readEntry(path: string, name = ''): Promise<TreeEntry> {
  const stat = await lstat(path, { bigint: true });
  const base = {
    path: name.split(sep).join('/'),
    mode: (stat.mode & 0o777n).toString(8),
    mtime: String(stat.mtimeNs / 1000n),
  };
  if (stat.isSymbolicLink()) {
    return { ...base, mode: '', mtime: '', kind: 'symlink', content: await readlink(path) };
  }
  if (stat.isDirectory()) return { ...base, kind: 'directory', content: '' };
  if (stat.isFile()) return { ...base, kind: 'file', content: await hashFile(path) };
  return { ...base, kind: 'other', content: '' };
}

/** As readNames, without what is kept of transfers that broke off. */
export async function readStoredNames(dir: string): Promise<string[]> {
  return (await readNames(dir)).filter((name) => !/(^|\/)\.ftx-[0-9a-f]{16}\.(part|journal|lock)$/.test(name));
}

/** The names of all files, links and folders below a folder, without the delivery ledger. */
export async function readNames(root: string): Promise<string[]> {
  const names = await listBelow(root);
  return names.map((name) => name.split(sep).join('/')).sort((a, b) => (a < b ? -1 : 1));
}

async function listBelow(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true });
  return names.filter((name) => !name.split(sep).includes('.ftx-ledger'));
}

export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const data of createReadStream(path, { highWaterMark: SLICE_BYTES })) hash.update(data as Buffer);
  return hash.digest('hex');
}
