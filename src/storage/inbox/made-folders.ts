/**
 * Folders that sessions have made for the entries in them, and who made which folder.
 *
 * A folder that was made on the way is private until its maker offers it: only the offer tells who may look into it. If
 * the transfer breaks off, only the same maker finishes the folder, in this process or, by the ledger, in a later one.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, opendirSync } from 'node:fs';
import { holdWay, identify, releaseFolder, type HeldFolder } from '../disk/held-folder.js';
import type { Ledger } from './ledger.js';
import { findUsualFolderMode } from './usual-mode.js';

/**
 * The mode of a new folder. It is private, because only the folder's own offer tells who may look into it. The sticky
 * bit marks the folder as unfinished, in case this process is killed: in a private folder the bit has no other effect.
 */
export const PRIVATE_MODE = 0o1700;
/** Of an empty unfinished folder that another sender was told of: without the mark, nobody removes it as a leftover. */
const KEPT_MODE = PRIVATE_MODE & 0o777;
/** All mode bits but setgid, which a new folder has from its parent. */
const COMPARED_BITS = 0o5777n;
const SETGID = 0o2000;
const KEY_BYTES = 6;
/** Bounds each set to 19 MB. Beyond this number, only the ledger knows the makers of the oldest folders. */
const MAX_KEYS = 500_000;
/** Limits of one session's unnamed folders: their number, and the length of all their paths. A real sender with more than that offers its folders itself. */
const MAX_UNNAMED = 1_000;
const MAX_UNNAMED_CHARS = 64 * 1024;

/**
 * Process-wide, the oldest first: folders that lack the mode and time of their offer, which a later session may bring.
 * Each is kept as a short hash of path, maker, inode and time of birth, because a peer can have many long paths made.
 * The secret in the hash keeps a peer from finding two paths with the same one.
 */
const unfinished = new Set<number>();
/** Process-wide, the oldest first: folders that got mode and time, by the same hash. */
const finished = new Set<number>();
const secret = randomBytes(16);
/** Process-wide, the oldest first: unfinished folders that a sender was told of which has not made them, by the hash without a maker. */
const told = new Set<number>();

/** What is looked at of a folder. */
type Looked = Pick<HeldFolder, 'stats'>;

/** The folders that one session has made. Paths are below the root. */
export interface MadeFolders {
  /** The number of folders. */
  readonly count: number;
  /** Notes that the session has made the folder. Resolves once a later process knows it too. */
  note(path: string, folder: Looked): Promise<void>;
  /** Notes that the session uses a folder that was there. If its maker left it unfinished, the session goes on with it. */
  goOn(path: string, folder: HeldFolder): Promise<void>;
  /** Whether the same maker has made this very folder, in this session or before. */
  isOwn(path: string, folder: Looked): Promise<boolean>;
  /** Notes that the folder was offered. Resolves with whether it is the maker's own, so that the offer gives it mode and time. */
  markOffered(path: string, folder: Pick<HeldFolder, 'path' | 'stats'>): Promise<boolean>;
  /** Whether this maker has made the folder, and nobody was told that it is there. */
  isUnused(path: string, folder: Looked): boolean;
  /** Forgets a folder that was removed. */
  noteRemoved(path: string, folder: Looked): void;
  /** Folders that were never offered get the permissions of any new folder. Never fails. */
  applyUsualModes(): void;
}

export interface MadeFoldersOptions {
  /** The mode of all new folders. Without it, one that was never offered gets what the system gives to a new folder. */
  readonly dirMode?: number | undefined;
  /** Knows makers beyond the life of this process. */
  readonly ledger?: Pick<Ledger, 'findMaker' | 'note' | 'flush'> | undefined;
}

/** `maker` is the sender, in words by which it is known again. */
export function createMadeFolders(root: string, maker: string, options: MadeFoldersOptions = {}): MadeFolders {
  return new FoldersOfSession(root, maker, options);
}

class FoldersOfSession implements MadeFolders {
  readonly #root: string;
  readonly #maker: string;
  readonly #options: MadeFoldersOptions;
  readonly #unnamed = new Set<string>();
  #unnamedChars = 0;
  #count = 0;

  constructor(root: string, maker: string, options: MadeFoldersOptions) {
    this.#root = root;
    this.#maker = maker;
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  async note(path: string, folder: Looked): Promise<void> {
    this.#count += 1;
    addBounded(unfinished, this.#keyOf(path, folder));
    this.#addUnnamed(path);
    const { ledger } = this.#options;
    ledger?.note({ path, maker: this.#maker, folder: identify(folder.stats), at: Math.floor(Date.now() / 1000) });
    await ledger?.flush();
  }

  async goOn(path: string, folder: HeldFolder): Promise<void> {
    if (!isUnfinished(folder)) return;
    if (unfinished.has(this.#keyOf(path, folder))) return this.#addUnnamed(path);
    const made = await this.#options.ledger?.findMaker(path);
    const isNoted = made?.folder === identify(folder.stats);
    if (isNoted ? made.maker === this.#maker : isUnclaimed(folder)) await this.note(path, folder);
  }

  async isOwn(path: string, folder: Looked): Promise<boolean> {
    const key = this.#keyOf(path, folder);
    if (unfinished.has(key) || finished.has(key)) return true;
    const made = await this.#options.ledger?.findMaker(path);
    return made?.maker === this.#maker && made.folder === identify(folder.stats);
  }

  async markOffered(path: string, folder: Pick<HeldFolder, 'path' | 'stats'>): Promise<boolean> {
    const isOwn = this.#finish(path, folder) || (await this.isOwn(path, folder));
    if (!isOwn && isUnfinished(folder)) this.#keepForOthers(path, folder);
    return isOwn;
  }

  isUnused(path: string, folder: Looked): boolean {
    return unfinished.has(this.#keyOf(path, folder)) && !told.has(this.#keyOf(path, folder, ''));
  }

  noteRemoved(path: string, folder: Looked): void {
    unfinished.delete(this.#keyOf(path, folder));
    this.#removeUnnamed(path);
    this.#count -= 1;
  }

  applyUsualModes(): void {
    let usual = this.#options.dirMode;
    for (const path of [...this.#unnamed]) {
      try {
        this.#applyUsualMode(path, (folder) => (usual ??= findUsualFolderMode(folder)));
      } catch {
        // Another program has moved or removed the folder meanwhile.
      }
    }
  }

  #applyUsualMode(path: string, findMode: (folder: string) => number): void {
    const folder = holdWay({ root: this.#root, components: path.split('/') });
    try {
      if (!this.#finish(path, folder)) return;
      chmodSync(folder.path, findMode(folder.path) | (Number(folder.stats.mode) & SETGID));
    } finally {
      releaseFolder(folder);
    }
  }

  /** Returns false for a folder that is not this maker's, or got mode and time before. */
  #finish(path: string, folder: Looked): boolean {
    const key = this.#keyOf(path, folder);
    this.#removeUnnamed(path);
    if (!unfinished.delete(key)) return false;
    addBounded(finished, key);
    return true;
  }

  #addUnnamed(path: string): void {
    const chars = this.#unnamedChars + path.length;
    if (this.#unnamed.size >= MAX_UNNAMED || chars > MAX_UNNAMED_CHARS || this.#unnamed.has(path)) return;
    this.#unnamed.add(path);
    this.#unnamedChars = chars;
  }

  #removeUnnamed(path: string): void {
    if (this.#unnamed.delete(path)) this.#unnamedChars -= path.length;
  }

  /** Another sender was told that the folder is there: whatever becomes of its maker, it stays, also in a later life. */
  #keepForOthers(path: string, folder: Pick<HeldFolder, 'path' | 'stats'>): void {
    addBounded(told, this.#keyOf(path, folder, ''));
    if (isEmpty(folder.path)) chmodSync(folder.path, KEPT_MODE | (Number(folder.stats.mode) & SETGID));
  }

  #keyOf(path: string, folder: Looked, maker = this.#maker): number {
    return createHash('sha256')
      .update(secret)
      .update(JSON.stringify([this.#root, maker, path, identify(folder.stats)]))
      .digest()
      .readUIntBE(0, KEY_BYTES);
  }
}

/** Whether a folder still is as ftx has made it. */
export function isUnfinished({ stats }: Looked): boolean {
  return (stats.mode & COMPARED_BITS) === BigInt(PRIVATE_MODE);
}

/**
 * Whether an earlier process was killed before it could note who makes the folder. Then nothing is in it, and whoever
 * comes first may have it, like a name that is free.
 */
function isUnclaimed({ path, stats }: HeldFolder): boolean {
  return stats.birthtimeMs > 0n && stats.birthtimeMs < performance.timeOrigin && isEmpty(path);
}

function isEmpty(path: string): boolean {
  const folder = opendirSync(path);
  try {
    return folder.readSync() === null;
  } finally {
    folder.closeSync();
  }
}

function addBounded(keys: Set<number>, key: number): void {
  keys.add(key);
  if (keys.size > MAX_KEYS) keys.delete(keys.values().next().value ?? 0);
}
