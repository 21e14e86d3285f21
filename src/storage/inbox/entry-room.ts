/** Room for entries that take it at once: folders and links, which have no content and take a block and an inode all the same, and small files. */
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
  /**
   * The same for files of so many bytes each. `make` resolves with the bytes of those that it has made. `path` is that of
   * the first one.
   */
  addFiles(
    ground: Ground,
    path: string,
    sizes: readonly number[],
    make: () => Promise<readonly number[]>,
  ): Promise<void>;
  /** A folder or link that was added is gone again. */
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
  async function addFiles(
    ground: Ground,
    path: string,
    sizes: readonly number[],
    make: () => Promise<readonly number[]>,
  ): Promise<void> {
    const settle = await space?.at(ground).takeEntries(path, sizes);
    let made: readonly number[] = [];
    let counted = 0;
    try {
      await quota?.add(path, roundUpAll(sizes), () => Promise.resolve());
      counted = roundUpAll(sizes);
      made = await make();
    } finally {
      settle?.(made);
      const unused = Math.max(0, counted - roundUpAll(made));
      if (unused > 0) quota?.release(unused);
    }
  }

  return {
    async add(ground, path, make) {
      const made: Awaited<ReturnType<typeof make>>[] = [];
      await addFiles(ground, path, [0], async () => {
        made.push(await make());
        return [0];
      });
      return made[0] as Awaited<ReturnType<typeof make>>;
    },
    addFiles,
    release: () => quota?.release(roundUp(0)),
  };
}

function roundUpAll(sizes: readonly number[]): number {
  return sizes.reduce((sum, bytes) => sum + roundUp(bytes), 0);
}
