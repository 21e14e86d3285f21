/** Folders that sessions have made for the entries in them, and that have not got their own mode and time yet. */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { holdWay, releaseFolder, removeIfEmpty, type HeldFolder } from '../disk/held-folder.js';
import { makePartName } from '../names/part-name.js';

/**
 * What a folder is made with: what it is to keep from whom, only its own offer tells. The sticky bit, which means
 * nothing where nobody else gets in, tells it from one that its owner has made private, should this process be killed.
 */
export const PRIVATE_MODE = 0o1700;
const ALL_MODE_BITS = 0o7777;
const KEY_BYTES = 6;
/** Bounds memory to 19 MB: beyond this number, the oldest folders keep their private mode. */
const MAX_UNFINISHED = 500_000;
/** Limits of one session's unnamed folders: their number, and the length of all their paths. A real sender with more than that offers its folders itself. */
const MAX_UNNAMED = 1_000;
const MAX_UNNAMED_CHARS = 64 * 1024;

/**
 * Process-wide, the oldest first: who begins a broken transfer again still owes them their mode and time. As short
 * keys of path and maker, because a peer can have many long ones made; the secret keeps it from finding two alike.
 */
const unfinished = new Set<number>();
const secret = randomBytes(16);

/** The folders that one session has made. Paths are below the root. */
export interface MadeFolders {
  /** The number of folders. */
  readonly count: number;
  note(path: string): void;
  /** The folder has been offered. Whether its maker has not finished it before. */
  markOffered(path: string): boolean;
  /** Removes it if it was made on the way to something that did not come; false if it is to stay. */
  removeIfUnused(components: readonly string[]): boolean;
  /** Folders that were never offered get the permissions of any new folder. Never fails. */
  applyUsualModes(): void;
}

/** Whether an earlier process was killed before the folder had got its mode and time: whoever offers it next finishes it. */
export function wasLeftUnfinished({ path }: HeldFolder): boolean {
  const { mode, birthtimeMs } = statSync(path);
  return (mode & ALL_MODE_BITS) === PRIVATE_MODE && birthtimeMs < performance.timeOrigin;
}

export function createMadeFolders(root: string, maker: string): MadeFolders {
  const unnamed = new Set<string>();
  let unnamedChars = 0;
  let count = 0;

  function keyOf(path: string): number {
    return createHash('sha256')
      .update(secret)
      .update(JSON.stringify([root, maker, path]))
      .digest()
      .readUIntBE(0, KEY_BYTES);
  }

  function markOffered(path: string): boolean {
    if (unnamed.delete(path)) unnamedChars -= path.length;
    return unfinished.delete(keyOf(path));
  }

  return {
    markOffered,
    get count() {
      return count;
    },
    note(path) {
      count += 1;
      unfinished.add(keyOf(path));
      if (unfinished.size > MAX_UNFINISHED) unfinished.delete(unfinished.values().next().value ?? 0);
      if (unnamed.size >= MAX_UNNAMED || unnamedChars + path.length > MAX_UNNAMED_CHARS || unnamed.has(path)) return;
      unnamed.add(path);
      unnamedChars += path.length;
    },
    removeIfUnused(components) {
      const path = components.join('/');
      if (!unfinished.has(keyOf(path)) || !removeIfEmpty({ root, components })) return false;
      markOffered(path);
      count -= 1;
      return true;
    },
    applyUsualModes() {
      let usual: number | undefined;
      const findMode = (folder: string) => (usual ??= findUsualMode(folder));
      for (const path of [...unnamed]) if (markOffered(path)) applyUsualMode(root, path.split('/'), findMode);
    },
  };
}

function applyUsualMode(root: string, components: readonly string[], findMode: (folder: string) => number): void {
  try {
    const folder = holdWay({ root, components });
    try {
      chmodSync(folder.path, findMode(folder.path));
    } finally {
      releaseFolder(folder);
    }
  } catch {
    // Another program has moved or removed the folder meanwhile.
  }
}

/** Makes a folder to learn its mode, because process.umask() sets the umask for a moment, for all threads. */
function findUsualMode(folder: string): number {
  const probe = join(folder, makePartName());
  mkdirSync(probe);
  try {
    return lstatSync(probe).mode & 0o777;
  } finally {
    rmdirSync(probe);
  }
}
