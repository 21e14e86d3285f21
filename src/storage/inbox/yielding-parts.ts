/**
 * Parts that were kept because the room had ended. They count as free room for everything else, and give way when room
 * is needed: the oldest first, and only for bytes that come. An offer alone drops none, because an offer costs nothing.
 */
import { constants, lstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { isMarkedFull } from '../disk/block-journal.js';
import { measureOnDisk } from '../disk/disk-figures.js';
import { holdWay, releaseFolder } from '../disk/held-folder.js';
import { findHolder, LOCK_SUFFIX } from '../disk/lock.js';
import { PART_SUFFIX } from '../names/part-name.js';
import { findLeftovers } from './left-parts.js';
import { MAY_CHANGE, openFolder } from './open-up.js';
import { JOURNAL_SUFFIX, removePart } from './resumable-part.js';

/** The folder is searched again after this time at the earliest, or after SEARCH_FACTOR times as long as a search takes. */
const SEARCH_MS = 5_000;
const SEARCH_FACTOR = 10;
/** Parts that are known at a time, so that memory does not grow with them. A later search finds more. */
const MAX_KNOWN = 1_000;
/** A part and its journal. */
const FILES_OF_PART = 2;

/** What parts would leave free. */
export interface YieldedRoom {
  readonly bytes: number;
  readonly files: number;
}

export interface YieldingParts {
  /** What would be free without them on one disk, or on all. `except`: the stems of parts that do not count. */
  room(device?: string, except?: ReadonlySet<string>): Promise<YieldedRoom>;
  /** Drops the oldest until no bytes are missing. If all of them would be too few, drops none. Resolves with whether there is room. */
  makeRoom(missing: () => number | Promise<number>, device?: string): Promise<boolean>;
  /** Drops the oldest on one disk. Resolves with false if there is none. */
  dropOldest(device: string): Promise<boolean>;
  /** One more has been kept. */
  noteKept(): void;
  /** `listener` is told the bytes of each that was dropped. */
  onDropped(listener: (bytes: number) => void): void;
}

interface YieldingPart {
  /** The path below the receive folder, without a suffix. */
  readonly components: readonly string[];
  readonly device: string;
  readonly bytes: number;
  /** When it was kept, in milliseconds of the epoch. */
  readonly since: number;
}

/** All sessions that write to the folder share it. `dir`: the receive folder. */
export function createYieldingParts(dir: string): YieldingParts {
  let known: YieldingPart[] = [];
  let maySearchAt = -Infinity;
  let searching: Promise<void> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const listeners: ((bytes: number) => void)[] = [];

  async function search(): Promise<void> {
    const started = performance.now();
    maySearchAt = Infinity;
    known = await findAll(dir).catch(() => []);
    const now = performance.now();
    // A part may have been kept meanwhile.
    if (maySearchAt === Infinity) maySearchAt = now + Math.max(SEARCH_MS, SEARCH_FACTOR * (now - started));
  }

  async function find(device?: string): Promise<YieldingPart[]> {
    if (searching || performance.now() >= maySearchAt)
      await (searching ??= search().finally(() => (searching = undefined)));
    return known.filter((part) => device === undefined || part.device === device);
  }

  async function dropFirst([oldest]: readonly YieldingPart[]): Promise<boolean> {
    if (!oldest) return false;
    known = known.filter((part) => part !== oldest);
    if (await drop(dir, oldest).catch(() => false)) for (const listener of listeners) listener(oldest.bytes);
    return true;
  }

  /** One after the other, because what one caller drops may be room enough for the next. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  }

  return {
    async room(device, except) {
      const parts = (await find(device)).filter(({ components }) => !except?.has(components.at(-1) ?? ''));
      return { bytes: sum(parts), files: FILES_OF_PART * parts.length };
    },
    makeRoom: (missing, device) =>
      inTurn(async () => {
        for (let bytes; (bytes = await missing()) > 0;) {
          const parts = await find(device);
          if (sum(parts) < bytes || !(await dropFirst(parts))) return false;
        }
        return true;
      }),
    dropOldest: (device) => inTurn(async () => dropFirst(await find(device))),
    noteKept: () => void (maySearchAt = -Infinity),
    onDropped: (listener) => void listeners.push(listener),
  };
}

function sum(parts: readonly YieldingPart[]): number {
  return parts.reduce((bytes, part) => bytes + part.bytes, 0);
}

/** The oldest first. */
async function findAll(dir: string): Promise<YieldingPart[]> {
  const found: YieldingPart[] = [];
  for await (const { file, path, isLink } of findLeftovers(dir)) {
    if (isLink || !file.endsWith(JOURNAL_SUFFIX) || found.length === MAX_KNOWN) continue;
    const stem = file.slice(0, -JOURNAL_SUFFIX.length);
    const part = lstatSync(stem + PART_SUFFIX, { bigint: true, throwIfNoEntry: false });
    if (!part?.isFile() || !(await isYielding(stem))) continue;
    const components = path.slice(0, -JOURNAL_SUFFIX.length).split('/');
    const since = lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    found.push({ components, device: String(part.dev), bytes: measureOnDisk(stem + PART_SUFFIX), since });
  }
  return found.sort((a, b) => a.since - b.since);
}

async function isYielding(stem: string): Promise<boolean> {
  return (await isMarkedFull(stem + JOURNAL_SUFFIX)) && (await findHolder(stem + LOCK_SUFFIX)) !== 'alive';
}

/** Resolves with false if a session has the part, or somebody has gone on with it. Throws what the system throws. */
async function drop(root: string, { components }: YieldingPart): Promise<boolean> {
  const way = { root, components: components.slice(0, -1) };
  const folder = holdWay(way);
  try {
    const close = openFolder(way, folder, MAY_CHANGE);
    try {
      const stem = `${folder.path}/${components.at(-1) ?? ''}`;
      return await removePart(stem, async () => {
        if (!(await isMarkedFull(stem + JOURNAL_SUFFIX))) return false;
        await empty(stem + PART_SUFFIX).catch(() => undefined);
        return true;
      });
    } finally {
      close();
    }
  } finally {
    releaseFolder(folder);
  }
}

/** Some disks free the blocks of a removed file only later, and those of a shortened one at once. */
async function empty(path: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (stats.isFile() && stats.nlink === 1) await file.truncate(0);
  } finally {
    await file.close();
  }
}
