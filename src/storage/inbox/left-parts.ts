/** Part files that sessions have left behind: lists them, and removes those that nobody goes on with. */
import { existsSync, type Dirent } from 'node:fs';
import { lstat, readdir, stat, unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { FtxError } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import type { LeftPart } from '../../core/inbox.js';
import { readJournal } from '../disk/block-journal.js';
import { createFolderCursor } from '../disk/folder-cursor.js';
import type { HeldFolder, Way } from '../disk/held-folder.js';
import { findHolder, LOCK_SUFFIX, takeLock } from '../disk/lock.js';
import { findOwner, givesSigns } from '../disk/owner.js';
import { isStill } from '../disk/stillness.js';
import { markIn, PART_SUFFIX } from '../names/part-name.js';
import { judgeFolder, type RemoveFolder } from './left-folders.js';
import { closeAll, MAY_CHANGE, MAY_WALK, tryOpenFolder, type Close } from './open-up.js';
import { JOURNAL_SUFFIX, parseBinding, removePart } from './resumable-part.js';
import { RESERVED_PREFIX } from '../names/safe-path.js';

/** The transfers below the folder that can go on, in no order. Throws FtxError `not-found`. */
export async function* listParts(dir: string): AsyncGenerator<LeftPart> {
  for await (const { part } of findParts(dir)) yield part;
}

/**
 * Removes what has arrived of the transfer with this id, or of `all`. Yields each of them: those that are `inUse` stay.
 * Throws FtxError `not-found` when there is no such folder, or no transfer with the id.
 */
export async function* dropParts(dir: string, id: string): AsyncGenerator<LeftPart> {
  let isFound = id === 'all';
  for await (const { part, stem, makeWritable } of findParts(dir)) {
    if (id !== 'all' && part.id !== id) continue;
    isFound = true;
    makeWritable();
    yield { ...part, inUse: !(await removePart(stem)) };
  }
  if (!isFound) throw new FtxError('not-found', `No transfer has the ID ${id}. "ftx parts" shows which there are.`);
}

interface FoundPart {
  readonly part: LeftPart;
  /** The path of its files without their suffixes, valid until the next one is asked for. */
  readonly stem: string;
  readonly makeWritable: () => void;
}

async function* findParts(dir: string): AsyncGenerator<FoundPart> {
  await stat(dir).catch((cause: unknown) => {
    throw new FtxError('not-found', `${dir}: there is no such folder. Name it with --dir.`, { cause });
  });
  for await (const { file, isLink, makeWritable } of findLeftovers(dir)) {
    if (isLink || !file.endsWith(JOURNAL_SUFFIX)) continue;
    const stem = file.slice(0, -JOURNAL_SUFFIX.length);
    const part = await readPart(stem).catch(() => undefined);
    if (part) yield { part, stem, makeWritable };
  }
}

async function readPart(stem: string): Promise<LeftPart | undefined> {
  const journalFile = stem + JOURNAL_SUFFIX;
  const journal = await readJournal(journalFile);
  if (!journal) return undefined;
  const { path, peer, size } = parseBinding(journal.binding);
  return {
    id: basename(stem).slice(RESERVED_PREFIX.length),
    path,
    peer,
    size,
    bytes: Math.min(size, journal.blocks * BLOCK_BYTES),
    ageSeconds: Math.max(0, await readAgeMs(journalFile)) / 1000,
    inUse: (await findHolder(stem + LOCK_SUFFIX)) === 'alive',
  };
}

/** Removes leftovers that nobody can go on with or that have not changed for `keepMs` milliseconds. Resolves with their paths below the folder. */
export async function removeOldParts(dir: string, keepMs: number): Promise<string[]> {
  return (await cleanParts(dir, keepMs)).removed;
}

export interface Cleaning {
  /** Paths below the folder. */
  readonly removed: string[];
  /** Whether there are leftovers of which only a second look after DEAD_MS can tell whether their owner is alive. */
  readonly isUndecided: boolean;
}

/** Does what removeOldParts does, removes empty folders that a killed receiver has left, and tells whether a second look would find more. */
export async function cleanParts(dir: string, keepMs: number): Promise<Cleaning> {
  const removed: string[] = [];
  let isUndecided = false;
  for await (const leftover of findLeftovers(dir, judgeFolder)) {
    const fate = await removeIfOver(leftover, keepMs).catch(() => 'kept' as const);
    if (fate === 'removed') removed.push(leftover.path);
    isUndecided ||= fate === 'undecided';
  }
  return { removed, isUndecided };
}

type Fate = 'removed' | 'kept' | 'undecided';

/** `removed` only if this call removed the file. Another process may have removed it at the same moment. */
async function removeIfOver({ file, makeWritable }: Leftover, keepMs: number): Promise<Fate> {
  const remove = () => {
    makeWritable();
    return unlink(file).then(
      () => 'removed' as const,
      () => 'kept' as const,
    );
  };
  const stats = await lstat(file);
  const mark = markIn(basename(file));
  const owner = findOwner(mark, stats.ctimeMs);
  if (owner === 'dead') return remove();
  // Its time is no sign of its age: a part gets the time of the offered file before it gets its name.
  if (owner === 'alive') return 'kept';
  const isElsewhere = owner === 'elsewhere' && givesSigns(mark);
  if (isElsewhere && !(await isLifeless(file))) return 'undecided';
  if (!isElsewhere && Date.now() - stats.mtimeMs <= keepMs && !(await isLeftAlone(file))) return 'kept';
  // Under its lock, no session works on the part, and none begins to.
  makeWritable();
  const lock = await takeLock(lockOf(file));
  return lock ? remove().finally(() => lock.release()) : 'undecided';
}

/** Whether a part, or the lock beside it, belongs to a process elsewhere that gives no sign of life. Only a part that is a few seconds old has a lock. */
async function isLifeless(file: string): Promise<boolean> {
  const isQuiet = isStill(markIn(basename(file)));
  const holder = await findHolder(lockOf(file));
  return holder === 'dead' || (holder === 'none' && isQuiet);
}

/** Whether the file is the journal or the lock of a killed process and has no part: the part has got its name, or has not begun. */
async function isLeftAlone(file: string): Promise<boolean> {
  if (file.endsWith(PART_SUFFIX) || hasPart(file)) return false;
  const holder = await findHolder(lockOf(file));
  return holder === 'dead' || (holder === 'none' && file.endsWith(JOURNAL_SUFFIX));
}

function hasPart(file: string): boolean {
  return existsSync(file.slice(0, file.lastIndexOf('.')) + PART_SUFFIX);
}

/** The lock of a part and its journal. A lock is its own. */
function lockOf(file: string): string {
  return file.slice(0, file.lastIndexOf('.')) + LOCK_SUFFIX;
}

async function readAgeMs(file: string): Promise<number> {
  return Date.now() - (await lstat(file)).mtimeMs;
}

interface Leftover {
  /** A path that leads to the leftover until the next leftover is asked for. */
  readonly file: string;
  /** The path below the receive folder. */
  readonly path: string;
  readonly isLink: boolean;
  /** Opens the folder, if it is closed for writing, until the next leftover is asked for. A search that removes nothing leaves its mode. */
  readonly makeWritable: () => void;
}

/** A folder that is to be looked into, or removed after all in it were. */
interface Stop {
  readonly way: readonly string[];
  readonly remove?: RemoveFolder;
}

/**
 * Finds part files, journals and locks. Follows no link, not even one that takes the place of a folder meanwhile.
 * Folders that cannot be listed are passed over. `judge` is asked of each folder below the root, before the leftovers in
 * it, for what is done with the folder after all that is in it.
 */
export async function* findLeftovers(
  root: string,
  judge?: (folder: HeldFolder) => RemoveFolder | undefined,
): AsyncGenerator<Leftover> {
  const cursor = createFolderCursor(root);
  const stops: Stop[] = [{ way: [] }];
  try {
    for (let stop; (stop = stops.pop()) !== undefined;) {
      const { way, remove } = stop;
      const folder = cursor.goTo(remove ? way.slice(0, -1) : way);
      if (!folder) continue;
      if (remove) {
        await remove(folder, way.at(-1) ?? '');
        continue;
      }
      const removal = way.length > 0 ? judge?.(folder) : undefined;
      if (removal) stops.push({ way, remove: removal });
      for (const entry of await readdir(folder.path, { withFileTypes: true }).catch(() => [])) {
        if (entry.isDirectory()) stops.push({ way: [...way, entry.name] });
        else if (isLeftover(entry)) yield* openLeftover({ root, components: way }, folder, entry);
      }
    }
  } finally {
    cursor.close();
  }
}

function* openLeftover(way: Way, folder: HeldFolder, entry: Dirent): Generator<Leftover> {
  const closes: Close[] = [];
  const open = (rights: number) => {
    const close = tryOpenFolder(way, folder, rights);
    if (close) closes.push(close);
  };
  try {
    open(MAY_WALK);
    yield {
      file: `${folder.path}/${entry.name}`,
      path: [...way.components, entry.name].join('/'),
      isLink: entry.isSymbolicLink(),
      makeWritable: () => open(MAY_CHANGE),
    };
  } finally {
    closeAll(closes);
  }
}

function isLeftover(entry: Dirent): boolean {
  const { name } = entry;
  return (
    (entry.isFile() || entry.isSymbolicLink()) &&
    name.startsWith(RESERVED_PREFIX) &&
    [PART_SUFFIX, JOURNAL_SUFFIX, LOCK_SUFFIX].some((suffix) => name.endsWith(suffix))
  );
}
