/**
 * Files and folders whose mode closes them to this user, although they are this user's own: a folder of mode 555, which
 * takes nothing new, one of mode 000, which cannot be looked into, or a file of mode 000, which cannot be compared.
 *
 * They are opened while somebody needs them, for their owner alone, and get their mode back when the last one is done.
 * While nobody writes to a folder, it is open for looking only.
 * What is open is noted in `.ftx-ledger`, so that the next receiver closes what a killed one has left open.
 *
 * It takes a descriptor to be sure that no other file gets the mode, so only Linux can do it.
 */
import { accessSync, chmodSync, statSync, type BigIntStats } from 'node:fs';
import { FtxError, errnoOf } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';
import {
  holdAgain,
  HOLDS_BY_DESCRIPTOR,
  idOf,
  lookAgain,
  releaseFolder,
  type HeldFolder,
  type Way,
} from '../disk/held-folder.js';
import { noteOpen, openModeOf, removeNote } from './left-open.js';

/** The permission bits of an owner who walks through a folder, lists it too, changes what is in it, or reads. */
export const MAY_WALK = 0o100;
export const MAY_LIST = 0o500;
export const MAY_CHANGE = 0o700;
export const MAY_READ = 0o400;
const OWNER_WRITES = 0o200;
const ALL_BITS = 0o7777;
/** Asked for once, because it is compared for each file. */
const OWN_USER = BigInt(process.geteuid?.() ?? -1);

/** What may be closed. */
export interface Target {
  readonly root: string;
  /** The path below the root. */
  readonly components: readonly string[];
  /** A path that leads there now. */
  readonly path: string;
  readonly stats: BigIntStats;
  /** Keeps it within reach, whatever becomes of its path. */
  hold(): Held;
}

export interface Held {
  readonly path: string;
  readonly stats: BigIntStats;
  release(): void;
}

/** Gives the mode back once nobody else needs the target open. Safe to call more than once. */
export type Close = () => void;

const NOTHING_TO_CLOSE: Close = () => undefined;

/** The last that was opened is closed first, because the way to it may lead through the others. */
export function closeAll(closes: Close[]): void {
  for (const close of closes.splice(0).reverse()) close();
}

/** Process-wide, by device and inode: what is open for the moment. */
const open = new Map<string, Opened>();

/** Whether anything is open for the moment. */
export function isAnythingOpen(): boolean {
  return open.size > 0;
}

/** Opens a target to its owner for these rights. Undefined where the right is missing and this user cannot take it. */
export function openUp(target: Target, rights: number): Close | undefined {
  const known = open.get(idOf(target.stats));
  if (!known && isAllowed(target, rights)) return NOTHING_TO_CLOSE;
  if (!known && (!isOwn(target.stats) || !HOLDS_BY_DESCRIPTOR)) return undefined;
  try {
    return known ? known.use(rights) : begin(target, rights);
  } catch {
    return undefined;
  }
}

/** Opens a held folder, as openUp does. Throws FtxError `denied` where this user cannot. */
export function openFolder(way: Way, folder: HeldFolder, rights: number): Close {
  const close = tryOpenFolder(way, folder, rights);
  if (close) return close;
  throw closedError(way.components.join('/'), folder.stats, rights);
}

/** Opens a held folder, as openUp does. */
export function tryOpenFolder({ root, components }: Way, folder: HeldFolder, rights: number): Close | undefined {
  const { path, stats } = folder;
  return openUp({ root, components, path, stats, hold: () => holdFolderAgain(folder) }, rights);
}

function holdFolderAgain(folder: HeldFolder): Held {
  const { path } = holdAgain(folder);
  return { path, stats: statSync(path, { bigint: true }), release: () => releaseFolder(folder) };
}

/** FtxError `denied`. Its message begins with the folder, because everything in the folder has the same obstacle. */
export function closedError(path: string, stats: BigIntStats, rights: number): FtxError {
  const subject = path === '' ? 'The receive folder' : `${showPath(path)}: the folder`;
  const closed = rights === MAY_CHANGE ? 'is closed for writing' : 'is closed';
  return new FtxError('denied', `${subject} ${closed} on the receiver ${describeMode(stats)}.`);
}

/** Why this user has no right, and what helps: `(mode 555); chmod u+rwx there`. */
export function describeMode(stats: BigIntStats): string {
  const mode = (stats.mode & 0o7777n).toString(8);
  if (isOwn(stats)) return `(mode ${mode}); chmod u+${stats.isDirectory() ? 'rwx' : 'r'} there`;
  return `(mode ${mode}, of another user); its owner can open it there`;
}

/** Whether this user has the rights, or could take them. */
export function canOpenUp(target: Pick<Target, 'path' | 'stats'>, rights: number): boolean {
  return (HOLDS_BY_DESCRIPTOR && isOwn(target.stats)) || isAllowed(target, rights);
}

/** Sets the mode that a target gets when it is closed again. Returns false if it is not open for the moment. */
export function setModeAfterwards(stats: BigIntStats, mode: number): boolean {
  const opened = open.get(idOf(stats));
  opened?.setMode(mode);
  return opened !== undefined;
}

/** Whether this user owns it. */
export function isOwn({ uid }: BigIntStats): boolean {
  return uid === OWN_USER;
}

export function isAllowed({ path, stats }: Pick<Target, 'path' | 'stats'>, rights: number): boolean {
  if (isOwn(stats) && (Number(stats.mode) & rights) === rights) return true;
  try {
    accessSync(path, rights >> 6);
    return true;
  } catch (error) {
    // Whatever else stands in the way shows when the right is used.
    return errnoOf(error) !== 'EACCES';
  }
}

/** One target that is open for the moment: for looking while it is in use, and for writing only while somebody needs that. */
class Opened {
  readonly #target: Target;
  readonly #held: Held;
  /** What is given back at the end. */
  #mode: number;
  #now: number;
  #note: string;
  #uses = 0;
  #writers = 0;

  /** Throws what the system throws. */
  constructor(target: Target, held: Held) {
    this.#target = target;
    this.#held = held;
    this.#now = this.#mode = Number(held.stats.mode) & ALL_BITS;
    this.#note = noteOpen(target.root, target.components, held.stats, this.#mode);
  }

  /** Throws where this user cannot open it. */
  use(rights: number): Close {
    const isWriter = (rights & OWNER_WRITES) !== 0;
    this.#count(1, isWriter);
    try {
      this.#apply();
    } catch (error) {
      this.#count(-1, isWriter);
      throw error;
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#count(-1, isWriter);
      if (this.#uses === 0) this.close();
      else this.#tryToApply();
    };
  }

  #count(by: number, isWriter: boolean): void {
    this.#uses += by;
    if (isWriter) this.#writers += by;
  }

  #apply(): void {
    const mode = openModeOf(this.#held.stats, this.#mode, this.#writers > 0);
    if (mode !== this.#now) chmodSync(this.#held.path, mode);
    this.#now = mode;
  }

  #tryToApply(): void {
    try {
      this.#apply();
    } catch {
      // It gets its mode back at the end.
    }
  }

  setMode(mode: number): void {
    const before = this.#note;
    this.#note = noteOpen(this.#target.root, this.#target.components, this.#held.stats, mode);
    this.#mode = mode;
    removeNote(before);
  }

  close(): void {
    const id = idOf(this.#held.stats);
    open.delete(id);
    try {
      chmodSync(this.#held.path, this.#mode);
      lookAgain(id);
      removeNote(this.#note);
    } catch {
      // The next receiver tries again, by the note.
    } finally {
      this.#held.release();
    }
  }
}

/** Throws where this user cannot open it. */
function begin(target: Target, rights: number): Close {
  const held = target.hold();
  let opened: Opened | undefined;
  try {
    if (idOf(held.stats) !== idOf(target.stats) || !isOwn(held.stats)) throw new Error('It is another one.');
    opened = new Opened(target, held);
    const close = opened.use(rights);
    open.set(idOf(held.stats), opened);
    return close;
  } catch (error) {
    if (opened) opened.close();
    else held.release();
    throw error;
  }
}
