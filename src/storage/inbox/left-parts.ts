/** Part files that sessions have left behind: lists them, and removes those that nobody goes on with. */
import { lstat, readdir, stat, unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { FtxError } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import type { LeftPart } from '../../core/inbox.js';
import { readJournal } from '../disk/block-journal.js';
import { holdWay, releaseFolder, type HeldFolder, type Way } from '../disk/held-folder.js';
import { LOCK_SUFFIX, readOwner, TAKEOVER_SUFFIX, takeLock } from '../disk/lock.js';
import { isOwnerDead } from '../disk/owner.js';
import { isOrphaned, isOwned, PART_SUFFIX } from '../names/part-name.js';
import { JOURNAL_SUFFIX, parseBinding } from './resumable-part.js';
import { RESERVED_PREFIX } from '../names/safe-path.js';

/** The transfers below the folder that can go on, in no order. Throws FtxError `not-found`. */
export async function* listParts(dir: string): AsyncGenerator<LeftPart> {
  await stat(dir).catch((cause: unknown) => {
    throw new FtxError('not-found', `${dir}: there is no such folder. Name it with --dir.`, { cause });
  });
  for await (const { file, isLink } of findLeftovers(dir)) {
    if (isLink || !file.endsWith(JOURNAL_SUFFIX)) continue;
    const part = await readPart(file).catch(() => undefined);
    if (part) yield part;
  }
}

async function readPart(journalFile: string): Promise<LeftPart | undefined> {
  const journal = await readJournal(journalFile);
  if (!journal) return undefined;
  const { path, peer, size } = parseBinding(journal.binding);
  return {
    path,
    peer,
    size,
    bytes: Math.min(size, journal.blocks * BLOCK_BYTES),
    ageSeconds: Math.max(0, await readAgeMs(journalFile)) / 1000,
  };
}

/** Removes leftovers that nobody can go on with or that have not changed for `keepMs` milliseconds. Resolves with their paths below the folder. */
export async function removeOldParts(dir: string, keepMs: number): Promise<string[]> {
  const removed: string[] = [];
  for await (const { file, path } of findLeftovers(dir)) {
    if (await removeIfOver(file, keepMs)) removed.push(path);
  }
  return removed;
}

/** Resolves with whether this call removed the file. Another process may have removed it at the same moment. */
async function removeIfOver(file: string, keepMs: number): Promise<boolean> {
  const remove = () =>
    unlink(file).then(
      () => true,
      () => false,
    );
  if (isOrphaned(basename(file))) return remove();
  // Its time is no sign of its age: a part gets the time of the offered file before it gets its name.
  if (isOwned(basename(file))) return false;
  const isOver =
    (await readAgeMs(file).catch(() => 0)) > keepMs ||
    (file.endsWith(TAKEOVER_SUFFIX) && isOwnerDead(await readOwner(file)));
  // Under its lock, no session works on the part, and none begins to.
  const unlock = isOver ? await takeLock(lockOf(file)) : undefined;
  if (!unlock) return false;
  return remove().finally(unlock);
}

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
}

/** Finds part files, journals and locks. Follows no link, not even one that takes the place of a folder meanwhile. Folders that cannot be read are passed over. */
async function* findLeftovers(root: string): AsyncGenerator<Leftover> {
  const ways: string[][] = [[]];
  for (let components; (components = ways.pop()) !== undefined;) {
    const folder = tryToHold({ root, components });
    if (!folder) continue;
    try {
      for (const entry of await readdir(folder.path, { withFileTypes: true }).catch(() => [])) {
        const way = [...components, entry.name];
        const isLink = entry.isSymbolicLink();
        if (entry.isDirectory()) ways.push(way);
        else if ((entry.isFile() || isLink) && isLeftover(entry.name))
          yield { file: `${folder.path}/${entry.name}`, path: way.join('/'), isLink };
      }
    } finally {
      releaseFolder(folder);
    }
  }
}

function tryToHold(way: Way): HeldFolder | undefined {
  try {
    return holdWay(way);
  } catch {
    return undefined;
  }
}

function isLeftover(name: string): boolean {
  return (
    name.startsWith(RESERVED_PREFIX) &&
    [PART_SUFFIX, JOURNAL_SUFFIX, LOCK_SUFFIX].some((suffix) => name.endsWith(suffix))
  );
}
