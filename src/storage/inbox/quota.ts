/** The quota of a receive folder: the bytes that it may hold in all (`--quota`). */
import { lstatSync, type Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { BLOCK_BYTES, type Entry } from '../../core/entry.js';
import { digestZeros } from '../../core/zeros.js';
import type { PartFile } from '../../core/sink.js';
import { MIN_BLOCK_BYTES } from '../disk/disk-figures.js';
import { PART_SUFFIX } from '../names/part-name.js';
import { RESERVED_PREFIX } from '../names/safe-path.js';
import { JOURNAL_SUFFIX } from './resumable-part.js';
import { quotaError } from './room-errors.js';

/** A full folder is counted again after this time at the earliest, or after RECOUNT_FACTOR times as long as a count takes. */
const RECOUNT_MS = 5_000;
const RECOUNT_FACTOR = 10;
/** Milliseconds for which a count keeps other work waiting. */
const TURN_MS = 10;
/** The unit in which the system counts the blocks of a file, whatever the disk's own is. */
const STAT_BLOCK_BYTES = 512;
/** Names of a folder that are read at a time. */
const BATCH = 256;

/** The quota of one folder. All sessions that write to the folder share it. */
export interface Quota {
  /** Bytes. */
  readonly limit: number;
  /**
   * Resolves with the bytes that may still come. If they are fewer than `wanted`, the folder is counted again first,
   * because something may have been taken out of it. This is skipped if the last count was a moment ago.
   */
  left(wanted: number): Promise<number>;
  /** Bytes of transfers that have not come to their end, whether a session is receiving them or not. */
  unfinished(): number;
  /** Throws FtxError `no-space` when `bytes` more would go over the quota. `own`: what the same file has brought. */
  assertRoom(path: string, bytes: number, own?: number): Promise<void>;
  /** Runs `write`, which adds `bytes` to the folder. Throws FtxError `no-space` when they would go over the quota. */
  add<T>(path: string, bytes: number, write: () => Promise<T>, own?: number): Promise<T>;
  /** Notes that so many more bytes, or fewer, are those of unfinished transfers. */
  noteUnfinished(bytes: number): void;
  /** Notes that `bytes` were removed from the folder. */
  release(bytes: number): void;
  /** How often the folder was counted again. A count sees what is on the disk, and not what zeros were counted for. */
  counts(): number;
}

/** What a folder holds, in bytes, and how much of that belongs to unfinished transfers. */
export interface Count {
  readonly bytes: number;
  readonly unfinished: number;
}

/** Counts the folder, and resolves with its quota. `limit`: bytes. */
export async function createQuota(dir: string, limit: number, count = countBytes): Promise<Quota> {
  let { bytes: used, unfinished } = await count(dir);
  /** Bytes of `used` whose write is still running, which a recount may miss. */
  let onTheWay = 0;
  let mayCountAt = 0;
  let counting: Promise<void> | undefined;
  /** Bytes given back since the running recount began. */
  let released = 0;
  let counts = 0;

  /** Bytes that may still come. 0 when the folder already holds more than the quota. */
  const free = () => Math.max(0, limit - used);

  async function countAgain(): Promise<void> {
    const before = used - onTheWay;
    released = 0;
    counts += 1;
    const started = performance.now();
    const counted = await count(dir);
    // Bytes that came or went during the count may be counted twice until the next recount, and never too little.
    used = counted.bytes + (used - before) + released;
    unfinished = counted.unfinished;
    const now = performance.now();
    mayCountAt = now + Math.max(RECOUNT_MS, RECOUNT_FACTOR * (now - started));
  }

  async function left(wanted: number): Promise<number> {
    if (free() < wanted && performance.now() >= mayCountAt)
      await (counting ??= countAgain().finally(() => (counting = undefined)));
    return free();
  }

  async function assertRoom(path: string, bytes: number, own = 0): Promise<void> {
    if ((await left(bytes)) < bytes) throw quotaError(path, bytes, limit, free(), unfinished - own);
  }

  return {
    limit,
    counts: () => counts,
    left,
    assertRoom,
    unfinished: () => unfinished,
    noteUnfinished: (bytes) => void (unfinished = Math.max(0, unfinished + bytes)),
    async add(path, bytes, write, own) {
      // A loop, because other sessions may add bytes during each wait.
      while (free() < bytes) await assertRoom(path, bytes, own);
      used += bytes;
      onTheWay += bytes;
      try {
        return await write();
      } finally {
        onTheWay -= bytes;
      }
    },
    release(bytes) {
      used -= bytes;
      released += bytes;
    },
  };
}

/** Adds up what everything below the folder takes of its disk. What cannot be read counts as nothing. */
async function countBytes(dir: string): Promise<Count> {
  let bytes = 0;
  let unfinished = 0;
  let turnBegan = performance.now();
  const folders = [dir];
  for (let folder; (folder = folders.pop()) !== undefined;) {
    for await (const entry of readFolder(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      // Synchronous, as in tree.ts: a trip to another thread takes ten times as long as the look.
      const taken = measure(path);
      bytes += taken;
      if (isUnfinished(entry.name)) unfinished += taken;
      // Senders wait while a large folder is counted, unless they get their turn in between.
      if (performance.now() - turnBegan < TURN_MS) continue;
      await setImmediate();
      turnBegan = performance.now();
    }
  }
  return { bytes, unfinished };
}

function isUnfinished(name: string): boolean {
  return name.startsWith(RESERVED_PREFIX) && (name.endsWith(PART_SUFFIX) || name.endsWith(JOURNAL_SUFFIX));
}

/** Yields the entries of a folder, and has few of them in memory at a time. */
async function* readFolder(folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(folder, { bufferSize: BATCH });
  } catch {
    // The folder is gone, or closed to this user.
  }
}

/** What an entry takes: the blocks that the disk has given it, and never nothing, because it has an inode. */
function measure(path: string): number {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats) return 0;
    // Some file systems tell no blocks at all.
    const bytes = stats.blocks > 0 || !stats.isFile() ? stats.blocks * STAT_BLOCK_BYTES : stats.size;
    return Math.max(MIN_BLOCK_BYTES, bytes);
  } catch {
    return 0;
  }
}

/** What withQuota has to know of an offered file. */
export interface Counted extends Pick<Entry, 'path' | 'size'> {
  /** Bytes that a file of so many bytes takes of its disk. */
  readonly cost: (bytes: number) => number;
  /** Whether it stays in the folder when it is suspended. */
  readonly isKept: boolean;
  /** Whether zeros count as content, although they take no room. */
  readonly countsZeros: boolean;
}

/** Returns the part file; what it adds to the folder counts against the quota. */
export function withQuota(part: PartFile, quota: Quota, { path, size, cost, isKept, countsZeros }: Counted): PartFile {
  /** The offset up to which bytes are there or being written. A write below it adds nothing to the folder. */
  let end = Math.min(part.durable.length * BLOCK_BYTES, size ?? Infinity);
  let asked = end > 0 ? cost(end) : 0;
  let counted = Math.max(0, asked - countZeros(part));
  let hollowSince: number | undefined;
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

  /** Runs `work`, which makes the file as long as `bytes`. */
  function growTo<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    end = Math.max(end, bytes);
    const more = Math.max(0, cost(end) - asked);
    asked += more;
    const write = () => {
      counted += more;
      quota.noteUnfinished(more);
      return work();
    };
    return quota.add(path, more, write, counted);
  }

  function writeZeros(length: number, offset: number): Promise<void> {
    hollowSince ??= quota.counts();
    if (countsZeros) return growTo(offset + length, () => part.writeZeros(length, offset));
    const before = cost(end);
    end = Math.max(end, offset + length);
    asked += cost(end) - before;
    return part.writeZeros(length, offset);
  }

  return {
    ...part,
    writeZeros,
    write: (block, offset) => growTo(offset + block.length, () => part.write(block, offset)),
    async commit(bytes) {
      try {
        const placed = await growTo(bytes, () => part.commit(bytes));
        if (!placed.already) finish();
        return placed;
      } finally {
        release();
      }
    },
    discard: () => part.discard().finally(release),
    suspend: () => part.suspend().finally(isKept ? keep : release),
  };
}

/** Bytes of durable blocks of zeros. They take no room. */
function countZeros({ durable }: PartFile): number {
  return BLOCK_BYTES * durable.filter((digest) => digest === digestZeros(BLOCK_BYTES)).length;
}
