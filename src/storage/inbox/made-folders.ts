/** Folders that sessions have made for the entries in them, and that have not got their own mode and time yet. */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { holdWay, releaseFolder, removeIfEmpty, type HeldFolder } from '../disk/held-folder.js';
import { makePartName } from '../names/part-name.js';

/**
 * The mode of a new folder. It is private, because only the folder's own offer tells who may look into it. The sticky
 * bit marks the folder as unfinished, in case this process is killed: in a private folder the bit has no other effect.
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
 * Process-wide, the oldest first: folders that lack the mode and time of their offer, which a later session may bring.
 * Each is kept as a short hash of path and maker, because a peer can have many long paths made. The secret in the hash
 * keeps a peer from finding two paths with the same one.
 */
const unfinished = new Set<number>();
const secret = randomBytes(16);

/** The folders that one session has made. Paths are below the root. */
export interface MadeFolders {
  /** The number of folders. */
  readonly count: number;
  /** Notes that the session has made the folder. */
  note(path: string): void;
  /** Notes that the folder was offered. Returns whether the same maker has made it and not offered it before. */
  markOffered(path: string): boolean;
  /** Removes the folder if its maker never offered it, and if it is empty and not held. Returns false if it stays. */
  removeIfUnused(components: readonly string[]): boolean;
  /** Folders that were never offered get the permissions of any new folder. Never fails. */
  applyUsualModes(): void;
}

/** Whether an earlier process was killed before the folder got its mode and time. Then the next offer of the folder sets them. */
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
