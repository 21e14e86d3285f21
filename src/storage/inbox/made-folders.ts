/** Folders that sessions have made for the entries in them, and that have not got their own mode and time yet. */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, statSync } from 'node:fs';
import { holdWay, releaseFolder, removeIfEmpty, type HeldFolder } from '../disk/held-folder.js';
import { findUsualFolderMode } from './usual-mode.js';

/**
 * The mode of a new folder. It is private, because only the folder's own offer tells who may look into it. The sticky
 * bit marks the folder as unfinished, in case this process is killed: in a private folder the bit has no other effect.
 */
export const PRIVATE_MODE = 0o1700;
/** All mode bits but setgid, which a new folder has from its parent. */
const COMPARED_BITS = 0o5777;
const SETGID = 0o2000;
const KEY_BYTES = 6;
/** Bounds each set to 19 MB. Beyond this number, the oldest unfinished folders keep their private mode, and the oldest finished ones what they have. */
const MAX_KEYS = 500_000;
/** Limits of one session's unnamed folders: their number, and the length of all their paths. A real sender with more than that offers its folders itself. */
const MAX_UNNAMED = 1_000;
const MAX_UNNAMED_CHARS = 64 * 1024;

/**
 * Process-wide, the oldest first: folders that lack the mode and time of their offer, which a later session may bring.
 * Each is kept as a short hash of path and maker, because a peer can have many long paths made. The secret in the hash
 * keeps a peer from finding two paths with the same one.
 */
const unfinished = new Set<number>();
/** Process-wide, the oldest first: folders that got mode and time of their offer, by a hash of path, maker and inode. */
const finished = new Set<number>();
const secret = randomBytes(16);

/** The folders that one session has made. Paths are below the root. */
export interface MadeFolders {
  /** The number of folders. */
  readonly count: number;
  /** Notes that the session has made the folder. */
  note(path: string): void;
  /** Notes that the folder was offered. Returns whether the same maker has made this very folder, so that the offer gives it mode and time. */
  markOffered(path: string, folder: HeldFolder): boolean;
  /** Removes the folder if its maker never offered it, and if it is empty and not held. Returns false if it stays. */
  removeIfUnused(components: readonly string[]): boolean;
  /** Folders that were never offered get the permissions of any new folder. Never fails. */
  applyUsualModes(): void;
}

/** Whether an earlier process was killed before the folder got its mode and time. Then the next offer of the folder sets them. */
export function wasLeftUnfinished({ path }: HeldFolder): boolean {
  const { mode, birthtimeMs } = statSync(path);
  return (mode & COMPARED_BITS) === PRIVATE_MODE && birthtimeMs < performance.timeOrigin;
}

/** `dirMode` is the mode of all new folders; without it, one that was never offered gets what the system gives to a new folder. */
export function createMadeFolders(root: string, maker: string, dirMode?: number): MadeFolders {
  const unnamed = new Set<string>();
  let unnamedChars = 0;
  let count = 0;

  function keyOf(path: string, folder = ''): number {
    return createHash('sha256')
      .update(secret)
      .update(JSON.stringify([root, maker, path, folder]))
      .digest()
      .readUIntBE(0, KEY_BYTES);
  }

  function forget(path: string): boolean {
    if (unnamed.delete(path)) unnamedChars -= path.length;
    return unfinished.delete(keyOf(path));
  }

  return {
    markOffered(path, folder) {
      const key = keyOf(path, identify(folder));
      if (!forget(path)) return finished.has(key);
      addBounded(finished, key);
      return true;
    },
    get count() {
      return count;
    },
    note(path) {
      count += 1;
      addBounded(unfinished, keyOf(path));
      if (unnamed.size >= MAX_UNNAMED || unnamedChars + path.length > MAX_UNNAMED_CHARS || unnamed.has(path)) return;
      unnamed.add(path);
      unnamedChars += path.length;
    },
    removeIfUnused(components) {
      const path = components.join('/');
      if (!unfinished.has(keyOf(path)) || !removeIfEmpty({ root, components })) return false;
      forget(path);
      count -= 1;
      return true;
    },
    applyUsualModes() {
      let usual = dirMode;
      const findMode = (folder: string) => (usual ??= findUsualFolderMode(folder));
      for (const path of [...unnamed]) if (forget(path)) applyUsualMode(root, path.split('/'), findMode);
    },
  };
}

/** The very folder at a path: another one made there later has another number or another time of birth. */
function identify({ path, id }: HeldFolder): string {
  return `${id}:${statSync(path, { bigint: true }).birthtimeNs}`;
}

function addBounded(keys: Set<number>, key: number): void {
  keys.add(key);
  if (keys.size > MAX_KEYS) keys.delete(keys.values().next().value ?? 0);
}

function applyUsualMode(root: string, components: readonly string[], findMode: (folder: string) => number): void {
  try {
    const folder = holdWay({ root, components });
    try {
      chmodSync(folder.path, findMode(folder.path) | (statSync(folder.path).mode & SETGID));
    } finally {
      releaseFolder(folder);
    }
  } catch {
    // Another program has moved or removed the folder meanwhile.
  }
}
