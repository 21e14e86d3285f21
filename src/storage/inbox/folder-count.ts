/** What a receive folder holds, in bytes: counted at the start, kept up to date, and counted again from time to time. */
import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { measureOnDisk } from '../disk/disk-figures.js';
import { PART_SUFFIX } from '../names/part-name.js';
import { RESERVED_PREFIX } from '../names/safe-path.js';
import { JOURNAL_SUFFIX } from './resumable-part.js';

/** A full folder is counted again after this time at the earliest, or after RECOUNT_FACTOR times as long as a count takes. */
const RECOUNT_MS = 5_000;
const RECOUNT_FACTOR = 10;
/** Milliseconds for which a count keeps other work waiting. */
const TURN_MS = 10;
/** Names of a folder that are read at a time. */
const BATCH = 256;

/** What a folder holds, in bytes, and how much of that belongs to unfinished transfers. */
export interface Count {
  readonly bytes: number;
  readonly unfinished: number;
}

export interface FolderCount {
  /** Bytes that the folder holds. */
  bytes(): number;
  /** Bytes of transfers that have not come to their end. */
  unfinished(): number;
  /** How often the folder was counted again. */
  counts(): number;
  /** Counts the folder again, unless the last count was a moment ago. */
  countAgain(): Promise<void>;
  /** Runs `write`, which adds so many bytes to the folder. */
  add<T>(bytes: number, write: () => Promise<T>): Promise<T>;
  /** Notes that so many more bytes, or fewer, are those of unfinished transfers. */
  noteUnfinished(bytes: number): void;
  /** Notes that so many bytes were removed from the folder. */
  release(bytes: number): void;
}

export async function createFolderCount(count: () => Promise<Count>): Promise<FolderCount> {
  let { bytes: used, unfinished } = await count();
  /** Bytes of `used` whose write is still running, which a recount may miss. */
  let onTheWay = 0;
  let mayCountAt = 0;
  let counting: Promise<void> | undefined;
  /** Bytes given back since the running recount began. */
  let released = 0;
  let counts = 0;

  async function countOnce(): Promise<void> {
    const before = used - onTheWay;
    released = 0;
    counts += 1;
    const started = performance.now();
    const counted = await count();
    // Bytes that came or went during the count may be counted twice until the next recount, and never too little.
    used = counted.bytes + (used - before) + released;
    unfinished = counted.unfinished;
    const now = performance.now();
    mayCountAt = now + Math.max(RECOUNT_MS, RECOUNT_FACTOR * (now - started));
  }

  return {
    bytes: () => used,
    unfinished: () => unfinished,
    counts: () => counts,
    async countAgain() {
      if (performance.now() >= mayCountAt) await (counting ??= countOnce().finally(() => (counting = undefined)));
    },
    async add(bytes, write) {
      used += bytes;
      onTheWay += bytes;
      try {
        return await write();
      } finally {
        onTheWay -= bytes;
      }
    },
    noteUnfinished: (bytes) => void (unfinished = Math.max(0, unfinished + bytes)),
    release(bytes) {
      used -= bytes;
      released += bytes;
    },
  };
}

/** Adds up what everything below the folder takes of its disk. What cannot be read counts as nothing. */
export async function countBytes(dir: string): Promise<Count> {
  let bytes = 0;
  let unfinished = 0;
  let turnBegan = performance.now();
  const folders = [dir];
  for (let folder; (folder = folders.pop()) !== undefined;) {
    for await (const entry of readFolder(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      // Synchronous, as in tree.ts: a trip to another thread takes ten times as long as the look.
      const taken = measureOnDisk(path);
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
