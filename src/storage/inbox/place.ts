/** The place of an entry: its folder, held while it is needed, and its name there. */
import type { BigIntStats } from 'node:fs';
import { FtxError, errnoOf } from '../../core/errors.js';
import type { PartFile } from '../../core/sink.js';
import { diskError, showPath } from '../disk/disk-error.js';
import type { Durability } from '../disk/durability.js';
import type { GroupMember } from '../disk/group-sync.js';
import { keepFolder } from '../disk/empty-folders.js';
import {
  HOLDS_BY_DESCRIPTOR,
  holdWay,
  holdAnything,
  isCrowded,
  isStillAt,
  releaseFolder,
  type Ground,
  type HeldFolder,
  type Way,
} from '../disk/held-folder.js';
import { closeAll, MAY_CHANGE, MAY_READ, openFolder, openUp, type Close } from './open-up.js';
import type { EntryPath } from '../names/safe-path.js';

export interface Place {
  /** The path as the peer named it. If the name is taken, the entry may get another name in the same folder. */
  readonly path: EntryPath;
  /** A path to the entry's folder, valid until the place ends. Throws what the system throws when the folder is gone. */
  readonly folder: string;
  /** What the entry is put on. */
  readonly ground: Ground;
  /** How entries at this place are made durable. */
  readonly durability: Durability;
  /** Makes a small file at this place durable together with others. */
  readonly member: GroupMember | undefined;
  /** Opens the folder for writing until the place ends, if it is closed. Call it before anything is made there. Throws FtxError `denied`. */
  makeWritable(): void;
  /**
   * Runs `work` while the folder is open for writing, if it is closed. So a sender that is slow, or says nothing more,
   * keeps no folder open. Throws FtxError `denied`.
   */
  whileWritable<T>(work: () => Promise<T>): Promise<T>;
  /** Opens a file in the folder for reading, if it is closed. Undefined where this user cannot. `stats`: the file as it was a moment ago. */
  makeReadable(name: string, stats: BigIntStats): Close | undefined;
}

export interface HeldPlace extends Place {
  /** Throws FtxError `bad-parent` unless the peer's path still leads to the folder that is held, and `io` when the receive folder is gone. */
  assertUnmoved(): void;
  /** Releases the folder if many are held. Call it while no path into the folder is in use; `folder` holds it again. */
  releaseDescriptor(): void;
  /** Ends the place: the entry is there. Safe to call more than once. */
  release(): void;
  /** Ends the place: no entry came of it, so parents made for it may go. Safe to call more than once, and after release. */
  discard(): void;
}

export interface PlaceOptions {
  /** The receive folder, absolute. */
  readonly root: string;
  readonly path: EntryPath;
  /** The entry's folder, which the caller has held and the place releases. */
  readonly folder: HeldFolder;
  /** Throws FtxError `io` when the receive folder is another one than at the start. */
  readonly assertSameInbox?: (() => void) | undefined;
  /** What is called when the place has ended. The place adds to it. */
  readonly closes: Close[];
  readonly durability: Durability;
  /** Called once, when the place ends. `isUsed`: the entry is there. */
  readonly onClose: (isUsed: boolean) => void;
}

export function createPlace(options: PlaceOptions): HeldPlace {
  const { root, path, folder, closes, durability, assertSameInbox, onClose } = options;
  const way = { root, components: path.parents };
  const device = String(folder.stats.dev);
  const member = durability.join(device, folder.path);
  const hold = createHold(way, folder);
  let isOver = false;

  function close(isUsed: boolean): void {
    if (isOver) return;
    isOver = true;
    member?.leave();
    hold.release();
    onClose(isUsed);
    closeAll(closes);
  }

  function findFolder(): HeldFolder {
    if (isOver) throw new Error('The place was used after its end.');
    return hold.find();
  }

  return {
    path,
    get folder() {
      return findFolder().path;
    },
    ground: { device, way },
    durability,
    member,
    makeWritable() {
      if (!isOver) closes.push(openFolder(way, findFolder(), MAY_CHANGE));
    },
    whileWritable: (work) => thenClose(() => openFolder(way, findFolder(), MAY_CHANGE), work),
    makeReadable: (name, stats) => openFile(way, `${findFolder().path}/${name}`, name, stats),
    assertUnmoved() {
      const held = hold.held();
      if (!HOLDS_BY_DESCRIPTOR || !held) return;
      const why = findMove(way, held, path.text);
      if (!why) return;
      assertSameInbox?.();
      throw why;
    },
    releaseDescriptor() {
      if (isCrowded()) hold.rest();
    },
    release: () => close(true),
    discard: () => close(false),
  };
}

/** Begins with the folder held. */
function createHold(way: Way, folder: HeldFolder) {
  let held: HeldFolder | undefined = folder;
  let forget: (() => void) | undefined;

  function release(): void {
    if (held) releaseFolder(held);
    held = undefined;
    forget?.();
    forget = undefined;
  }

  return {
    held: () => held,
    /** Holds the folder again if it is not held. */
    find: () => (held ??= holdWay(way)),
    /** Releases the folder until it is needed. It is not removed meanwhile, although it may be empty. */
    rest(): void {
      if (!held) return;
      const keep = keepFolder(held.id);
      release();
      forget = keep;
    },
    release,
  };
}

/** Somebody, such as another receiver, may close the folder between the look at its mode and the work: then once more. */
async function thenClose<T>(open: () => Close, work: () => Promise<T>, isAgain = false): Promise<T> {
  const close = open();
  try {
    return await work();
  } catch (error) {
    if (isAgain || errnoOf(error) !== 'EACCES') throw error;
  } finally {
    close();
  }
  return thenClose(open, work, true);
}

function openFile({ root, components }: Way, path: string, name: string, stats: BigIntStats): Close | undefined {
  return openUp({ root, components: [...components, name], path, stats, hold: () => holdAnything(path) }, MAY_READ);
}

/** Why the way no longer leads to the folder that is held; undefined if it does. */
function findMove(way: Way, held: HeldFolder, path: string): FtxError | undefined {
  try {
    if (isStillAt(way, held)) return undefined;
  } catch (error) {
    return diskError(error, path);
  }
  const what = 'the folder it was to be in has been moved, replaced or removed meanwhile.';
  return new FtxError('bad-parent', `${showPath(path)}: ${what}`);
}

/** Returns the part file; its place ends with it. Its commit throws FtxError `bad-parent` if the folder has been moved. */
export function withPlace(part: PartFile, place: HeldPlace): PartFile {
  const discard = (): void => place.discard();

  /** Runs `work`, which ends the part and removes what is of no use any more. */
  async function end<T>(work: () => Promise<T>): Promise<T> {
    try {
      place.makeWritable();
    } catch {
      // What cannot be removed stays, as where the folder is gone.
    }
    return work().finally(discard);
  }

  async function commit(size: number) {
    try {
      place.assertUnmoved();
      // The folder may have been closed while the file came.
      place.makeWritable();
    } catch (error) {
      const failure = diskError(error, place.path.text);
      // A receive folder that is gone comes back with its disk, and the sender goes on.
      await end<unknown>(() => (failure.code === 'io' ? part.suspend() : part.discard()));
      throw failure;
    }
    const placed = await part.commit(size);
    place.release();
    return placed;
  }
  return {
    ...part,
    commit: (size) => commit(size).finally(discard),
    discard: () => end(() => part.discard()),
    suspend: (isFull) => end(() => part.suspend(isFull)),
  };
}
