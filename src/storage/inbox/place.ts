/** Where an entry is to stand. */
import { FtxError } from '../../core/errors.js';
import type { PartFile } from '../../core/sink.js';
import { diskError, showPath } from '../disk/disk-error.js';
import type { Durability } from '../disk/durability.js';
import {
  findFolder,
  HOLDS_BY_DESCRIPTOR,
  holdWay,
  isCrowded,
  releaseFolder,
  type HeldFolder,
} from '../disk/held-folder.js';
import type { EntryPath } from '../names/safe-path.js';

export interface Place {
  /** As the peer named it. The name it gets may be a sibling. */
  readonly path: EntryPath;
  /** A path to the folder it is in, good as long as the place is held. Throws like the system when the folder is gone. */
  readonly folder: string;
  /** Of what is put there. */
  readonly durability: Durability;
}

export interface HeldPlace extends Place {
  /** Throws FtxError `bad-parent` unless the peer's path still leads to the folder that is held. */
  assertUnmoved(): void;
  /** Nobody has a path into the folder now: it need not be held until somebody asks for one. */
  releaseDescriptor(): void;
  /** For good: what it was for is there. Safe to call more than once. */
  release(): void;
  /** For good: nothing came of it. Safe to call more than once, and after release. */
  discard(): void;
}

export interface PlaceOptions {
  /** The receiver's folder, absolute. */
  readonly root: string;
  readonly path: EntryPath;
  /** The folder it is in, whose hold the place takes over. */
  readonly folder: HeldFolder;
  readonly durability: Durability;
  /** Called once. */
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
    durability,
    assertUnmoved() {
      if (!HOLDS_BY_DESCRIPTOR || !held) return;
      try {
        if (findFolder(way) === held.id) return;
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

/** The part file, which lets go of its place at its end. */
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
