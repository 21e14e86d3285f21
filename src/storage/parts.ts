/** Part files that sessions have left behind: to be shown, and removed when nobody goes on with them. */
import { readdir, stat, unlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { FtxError } from '../errors.js';
import { BLOCK_BYTES } from '../ports.js';
import { readJournal } from './block-journal.js';
import { JOURNAL_SUFFIX, PART_SUFFIX, parseBinding } from './resumable-part.js';
import { RESERVED_PREFIX } from './safe-path.js';

/** A transfer that broke off and can go on. */
export interface LeftPart {
  /** What the sender called the file. */
  readonly path: string;
  /** Where it came from. */
  readonly peer: string;
  readonly size: number;
  /** Bytes that are here. */
  readonly bytes: number;
  /** Seconds since something arrived. */
  readonly ageSeconds: number;
}

/** Those below the folder that can go on, in no order. Throws FtxError `not-found`. */
export async function* listParts(dir: string): AsyncGenerator<LeftPart> {
  await stat(dir).catch((cause: unknown) => {
    throw new FtxError('not-found', `${dir}: there is no such folder. Name it with --dir.`, { cause });
  });
  for await (const file of findLeftovers(dir)) {
    if (!file.endsWith(JOURNAL_SUFFIX)) continue;
    const part = await describePart(file).catch(() => undefined);
    if (part) yield part;
  }
}

async function describePart(journalFile: string): Promise<LeftPart | undefined> {
  const journal = await readJournal(journalFile);
  if (!journal) return undefined;
  const { path, peer, size } = parseBinding(journal.binding);
  return { path, peer, size, bytes: Math.min(size, journal.blocks * BLOCK_BYTES), ageSeconds: (await readAgeMs(journalFile)) / 1000 };
}

/** Removes what has not changed for `keepMs`; resolves with the paths, below the folder. */
export async function removeOldParts(dir: string, keepMs: number): Promise<string[]> {
  const removed: string[] = [];
  for await (const file of findLeftovers(dir)) {
    // Whoever takes a file away at the same moment has done what was wanted.
    const isOld = (await readAgeMs(file).catch(() => 0)) > keepMs;
    if (isOld && (await unlink(file).then(() => true, () => false))) removed.push(relative(dir, file));
  }
  return removed;
}

async function readAgeMs(file: string): Promise<number> {
  return Date.now() - (await stat(file)).mtimeMs;
}

/** No link is followed, and what cannot be read is passed over. */
async function* findLeftovers(dir: string): AsyncGenerator<string> {
  const folders = [dir];
  for (let folder; (folder = folders.pop()) !== undefined; ) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile() && isLeftover(entry.name)) yield path;
    }
  }
}

function isLeftover(name: string): boolean {
  return name.startsWith(RESERVED_PREFIX) && (name.endsWith(PART_SUFFIX) || name.endsWith(JOURNAL_SUFFIX));
}
