/** The place of an entry: its folder, held while it is needed, and its name there. */
import { FtxError } from '../../core/errors.js';
import type { PartFile } from '../../core/sink.js';
import { diskError, showPath } from '../disk/disk-error.js';
import type { Durability } from '../disk/durability.js';
import {
  HOLDS_BY_DESCRIPTOR,
  holdWay,
  idOf,
  isCrowded,
  lookForFolder,
  releaseFolder,
  type Ground,
  type HeldFolder,
} from '../disk/held-folder.js';
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
}

export interface HeldPlace extends Place {
  /** Throws FtxError `bad-parent` unless the peer's path still leads to the folder that is held. */
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
  readonly durability: Durability;
  /** Called once, when the place ends. `isUsed`: the entry is there. */
  readonly onClose: (isUsed: boolean) => void;
}

export function createPlace({ root, path, folder, durability, onClose }: PlaceOptions): HeldPlace {
  const way = { root, components: path.parents };
  let held: HeldFolder | undefined = folder;
  let isOver = false;

  function unhold(): void {
    if (held) releaseFolder(held);
    held = undefined;
  }

  function close(isUsed: boolean): void {
    if (isOver) return;
    isOver = true;
    unhold();
    onClose(isUsed);
  }

  return {
    path,
    get folder() {
      if (isOver) throw new Error('The place was used after its end.');
      return (held ??= holdWay(way)).path;
    },
    ground: { device: String(folder.stats.dev), way },
    durability,
    assertUnmoved() {
      if (!HOLDS_BY_DESCRIPTOR || !held) return;
      try {
        const there = lookForFolder(way);
        if (there && idOf(there) === held.id) return;
      } catch (error) {
        throw diskError(error, path.text);
      }
      throw new FtxError(
        'bad-parent',
        `${showPath(path.text)}: the folder it was to be in has been moved, replaced or removed meanwhile.`,
      );
    },
    releaseDescriptor() {
      if (isCrowded()) unhold();
    },
    release: () => close(true),
    discard: () => close(false),
  };
}

/** Returns the part file; its place ends with it. Its commit throws FtxError `bad-parent` if the folder has been moved. */
export function withPlace(part: PartFile, place: HeldPlace): PartFile {
  const discard = (): void => place.discard();
  async function commit(size: number) {
    try {
      place.assertUnmoved();
    } catch (error) {
      await part.discard();
      throw error;
    }
    const placed = await part.commit(size);
    place.release();
    return placed;
  }
  return {
    ...part,
    commit: (size) => commit(size).finally(discard),
    discard: () => part.discard().finally(discard),
    suspend: () => part.suspend().finally(discard),
  };
}
