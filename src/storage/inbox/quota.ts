/** The quota of a receive folder: the bytes that it may hold in all (`--quota`). */
import { BLOCK_BYTES, type Entry } from '../../core/entry.js';
import { digestZeros } from '../../core/zeros.js';
import type { PartFile } from '../../core/sink.js';
import { measureContent } from '../disk/extent.js';
import { countBytes, createFolderCount } from './folder-count.js';
import { createGrowth } from './growth.js';
import { quotaError } from './room-errors.js';
import type { YieldingParts } from './yielding-parts.js';

/** The quota of one folder. All sessions that write to the folder share it. */
export interface Quota {
  /** Bytes. */
  readonly limit: number;
  /**
   * Resolves with the bytes that may still come. If they are fewer than `wanted`, the folder is counted again first,
   * because something may have been taken out of it. This is skipped if the last count was a moment ago. Then parts that
   * would give way count as free, but for those with the stems `except`.
   */
  left(wanted: number, except?: ReadonlySet<string>): Promise<number>;
  /** Bytes of transfers that have not come to their end, whether a session is receiving them or not. */
  unfinished(): number;
  /** Throws FtxError `no-space` when `bytes` more would go over the quota. `isFirst`: nobody knows how much comes after them. */
  assertRoom(path: string, bytes: number, isFirst?: boolean): Promise<void>;
  /**
   * Runs `write`, which adds `bytes` to the folder. Parts give way to them before. Throws FtxError `no-space` when they
   * would go over the quota. `own`: what the same file has brought, of which more may come.
   */
  add<T>(path: string, bytes: number, write: () => Promise<T>, own?: number): Promise<T>;
  /** Counts `bytes` that are written at once, if there is room for them, and returns whether there is. */
  tryAdd(bytes: number): boolean;
  /** Notes that so many more bytes, or fewer, are those of unfinished transfers. */
  noteUnfinished(bytes: number): void;
  /** Notes that `bytes` were removed from the folder. */
  release(bytes: number): void;
  /** How often the folder was counted again. A count sees what is on the disk, and not what zeros were counted for. */
  counts(): number;
}

/** Counts the folder, and resolves with its quota. `limit`: bytes. `parts`: what gives way in it. */
export async function createQuota(
  dir: string,
  limit: number,
  count = countBytes,
  parts?: YieldingParts,
): Promise<Quota> {
  const held = await createFolderCount(() => count(dir));

  /** Bytes that may still come. 0 when the folder already holds more than the quota. */
  const free = () => Math.max(0, limit - held.bytes());

  async function freshen(wanted: number): Promise<void> {
    if (free() < wanted) await held.countAgain();
  }

  async function left(wanted: number, except?: ReadonlySet<string>): Promise<number> {
    await freshen(wanted);
    if (free() >= wanted || !parts) return free();
    const { bytes } = await parts.room(undefined, except);
    return Math.max(0, limit - held.bytes() + bytes);
  }

  async function assertRoom(path: string, bytes: number, isFirst = false): Promise<void> {
    const most = await left(bytes);
    if (most < bytes) throw quotaError(path, isFirst ? null : bytes, limit, most, held.unfinished());
  }

  async function makeRoom(path: string, bytes: number, own?: number): Promise<void> {
    await freshen(bytes);
    if (free() >= bytes || (await parts?.makeRoom(() => held.bytes() + bytes - limit))) return;
    if (own === undefined) throw quotaError(path, bytes, limit, free(), held.unfinished());
    // The bytes are those of one write, and no measure of a file.
    throw quotaError(path, null, limit, free() + own, held.unfinished() - own);
  }

  parts?.onDropped((bytes) => {
    held.release(bytes);
    held.noteUnfinished(-bytes);
  });

  return {
    limit,
    left,
    assertRoom,
    counts: () => held.counts(),
    unfinished: () => held.unfinished(),
    noteUnfinished: (bytes) => held.noteUnfinished(bytes),
    async add(path, bytes, write, own) {
      // A loop, because other sessions may add bytes during each wait.
      while (free() < bytes) await makeRoom(path, bytes, own);
      return held.add(bytes, write);
    },
    tryAdd(bytes) {
      if (free() < bytes) return false;
      void held.add(bytes, () => Promise.resolve());
      return true;
    },
    release: (bytes) => held.release(bytes),
  };
}

/** What withQuota has to know of an offered file. */
export interface Counted extends Pick<Entry, 'path' | 'size' | 'allocated'> {
  /** Bytes that a file of so many bytes takes of its disk. */
  readonly cost: (bytes: number) => number;
  /** Whether it stays in the folder when it is suspended. */
  readonly isKept: boolean;
  /** Whether zeros count as content, although they take no room. */
  readonly countsZeros: boolean;
}

/** Returns the part file; what it adds to the folder counts against the quota. */
export function withQuota(part: PartFile, quota: Quota, offered: Counted): PartFile {
  const { path, size, cost, isKept, countsZeros } = offered;
  const isSparse = offered.allocated !== undefined && !countsZeros;
  const there = Math.min(part.durable.length * BLOCK_BYTES, size ?? Infinity);
  const hollow = countZeros(part);
  const growth = createGrowth(cost, there, hollow);
  let counted = growth.taken;
  let hollowSince = isSparse || hollow > 0 ? quota.counts() : undefined;
  const keep = (): void => void (counted = 0);
  const finish = (): void => {
    quota.noteUnfinished(-counted);
    keep();
  };
  const release = (): void => {
    // What a count since then has seen as less is not given back: the next count finds out.
    if (hollowSince === undefined || quota.counts() === hollowSince) quota.release(counted);
    finish();
  };

  /** Runs `work`, which takes `more` bytes of the disk. */
  function grow<T>(more: number, work: () => Promise<T>): Promise<T> {
    const write = () => {
      counted += more;
      quota.noteUnfinished(more);
      return work();
    };
    return quota.add(path, more, write, counted);
  }

  function writeZeros(length: number, offset: number): Promise<void> {
    hollowSince ??= quota.counts();
    const more = growth.add(offset + length, length, countsZeros ? 0 : length);
    return countsZeros ? grow(more, () => part.writeZeros(length, offset)) : part.writeZeros(length, offset);
  }

  return {
    ...part,
    writeZeros,
    write(block, offset) {
      // Room for all pages of a sparse file was not asked for.
      const zeros = isSparse ? block.length - measureContent(block, offset) : 0;
      return grow(growth.add(offset + block.length, block.length, zeros), () => part.write(block, offset));
    },
    async commit(bytes) {
      try {
        const placed = await grow(growth.add(bytes, 0), () => part.commit(bytes));
        if (!placed.already) finish();
        return placed;
      } finally {
        release();
      }
    },
    discard: () => part.discard().finally(release),
    suspend: (isFull) => part.suspend(isFull).finally(isKept ? keep : release),
  };
}

/** Bytes of durable blocks of zeros. They take no room. */
function countZeros({ durable }: PartFile): number {
  return BLOCK_BYTES * durable.filter((digest) => digest === digestZeros(BLOCK_BYTES)).length;
}
