/** Room for folders and links. They have no content, and take a block and an inode of the disk all the same. */
import type { Entry } from '../../core/entry.js';
import { roundUp } from '../disk/disk-figures.js';
import type { Ground } from '../disk/held-folder.js';
import type { Quota } from './quota.js';
import type { SenderSpace } from './space.js';
import type { YieldingParts } from './yielding-parts.js';

/** The room of one session. */
export interface EntryRoom {
  /** Runs `make`, which makes one entry on this ground. `path` is for messages. Throws FtxError `no-space`, and what `make` throws. */
  add<T>(ground: Ground, path: string, make: () => Promise<T>): Promise<T>;
  /** An entry that was added is gone again. */
  release(): void;
}

export interface Limits {
  /** Without it, the disks may get full. */
  readonly space?: SenderSpace | undefined;
  /** Without it, the folder may fill the disk. */
  readonly quota?: Quota | undefined;
  /** What gives way. Without it, nothing does. Space and quota know it too. */
  readonly parts?: YieldingParts | undefined;
}

/**
 * Bytes that there has to be room for before the missing ones of an offered file come. What a known sender says is
 * allocated counts; its writes are judged beyond. To a stranger zeros would be a way to make large files for nothing.
 */
export function needOf({ allocated = Infinity }: Entry, missing: number, isKnown: boolean): number {
  return isKnown ? Math.min(allocated, missing) : missing;
}

export function createEntryRoom({ space, quota }: Limits): EntryRoom {
  const release = () => quota?.release(roundUp(0));
  return {
    async add(ground, path, make) {
      const settle = await space?.at(ground).takeEntry(path);
      let isMade = false;
      let isCounted = false;
      try {
        await quota?.add(path, roundUp(0), () => Promise.resolve());
        isCounted = true;
        const made = await make();
        isMade = true;
        return made;
      } finally {
        settle?.(isMade);
        if (isCounted && !isMade) release();
      }
    },
    release,
  };
}
