/** Compares what has arrived with the files that stand in its folder, byte by byte. */
import { fstatSync, lstatSync, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { abortReason, errnoOf } from '../../core/errors.js';
import { READ_FLAGS } from '../disk/read-file.js';
import { createTurns } from '../../core/turns.js';
import type { Close } from './open-up.js';
import { numberName } from '../names/free-name.js';
import type { Place } from './place.js';

/** Numbered forms of a name, from `(1)` on, that are compared too: a file that was sent before may have got one of them. */
const NUMBERS = 8;
const BUFFER_BYTES = 256 * 1024;
/** Bytes that are compared before other comparisons get their turn. */
const TURN_BYTES = 16 * 1024 * 1024;
/** How often a file is compared that somebody touches meanwhile. Another receiver that commits it touches it three times. */
const MAX_LOOKS = 5;

/** Process-wide: comparisons under way, so that they leave the threads and the memory to what arrives. */
const comparisons = createTurns(4);

/** A file with the content of the part file. */
export interface SameFile {
  readonly name: string;
  /** The file after it was made durable. */
  readonly stats: BigIntStats;
}

export interface SameContentSearch {
  readonly isNumbered: boolean;
  readonly signal?: AbortSignal | undefined;
  /** The files that turned out to be different. A search passes over those of the searches before, unless they have changed. */
  readonly different?: Set<string>;
}

/**
 * Finds a regular file that has the name of the entry, or with `isNumbered` one of the first numbered forms of it, and
 * exactly the content of the part file. Resolves once it is durable; with undefined if there is none.
 */
export async function findSameContent(
  part: string,
  place: Place,
  { isNumbered, signal, different = new Set() }: SameContentSearch,
): Promise<SameFile | undefined> {
  const { name } = place.path;
  const own = lstatSync(part, { bigint: true });
  const isTaken = lstatSync(join(place.folder, name), { throwIfNoEntry: false }) !== undefined;
  if (!isTaken) return undefined;
  const numbered = isNumbered ? Array.from({ length: NUMBERS }, (_, index) => numberName(name, index + 1)) : [];
  for (const candidate of [name, ...numbered]) {
    const there = lstatSync(join(place.folder, candidate), { bigint: true, throwIfNoEntry: false });
    if (!there?.isFile() || there.size !== own.size || there.ino === own.ino) continue;
    const version = `${there.ino}:${there.ctimeNs}`;
    if (different.has(version)) continue;
    const stats = await compareContent(part, candidate, place, signal);
    if (stats) return { name: candidate, stats };
    different.add(version);
  }
  return undefined;
}

/** Resolves with the file that is there if both have the same content. It is then durable, and still has its name. */
async function compareContent(
  part: string,
  candidate: string,
  place: Place,
  signal: AbortSignal | undefined,
): Promise<BigIntStats | undefined> {
  const path = join(place.folder, candidate);
  const readable = await openIfReadable(place, candidate);
  if (!readable) return undefined;
  const { handle: there, closeMode } = readable;
  try {
    const arrived = await open(part, READ_FLAGS);
    try {
      for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
        const before = fstatSync(there.fd, { bigint: true });
        if (!(await hasSameBytes(arrived, there, { size: Number(before.size), key: part, signal }))) return undefined;
        await place.durability.file(there);
        await place.durability.folder(place.folder);
        const after = fstatSync(there.fd, { bigint: true });
        if (!isUntouched(before, after)) continue;
        if (!leadsTo(path, before)) return undefined;
        closeMode();
        return fstatSync(there.fd, { bigint: true });
      }
      return undefined;
    } finally {
      await arrived.close();
    }
  } finally {
    closeMode();
    await there.close();
  }
}

/** A file that is open for reading. */
export interface ReadableFile {
  readonly handle: FileHandle;
  /** Gives the file back the mode that closes it to this user, if it has one. That changes the ctime. Call it before the handle is closed. */
  readonly closeMode: Close;
}

/** Opens a file in the folder for reading; undefined if it cannot be opened, because then nothing is known of its content. */
export async function openIfReadable(place: Place, name: string): Promise<ReadableFile | undefined> {
  const path = join(place.folder, name);
  try {
    return { handle: await open(path, READ_FLAGS), closeMode: () => undefined };
  } catch (error) {
    return errnoOf(error) === 'EACCES' ? openClosed(place, name) : undefined;
  }
}

async function openClosed(place: Place, name: string): Promise<ReadableFile | undefined> {
  let closeMode: Close | undefined;
  try {
    closeMode = place.makeReadable(name, lstatSync(join(place.folder, name), { bigint: true }));
    return closeMode && { handle: await open(join(place.folder, name), READ_FLAGS), closeMode };
  } catch {
    closeMode?.();
    return undefined;
  }
}

/** Compares in turn with the others under way. `key` stands for this comparison. Throws the reason of the signal. */
async function hasSameBytes(
  one: FileHandle,
  other: FileHandle,
  { size, key, signal }: { readonly size: number; readonly key: string; readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  for (let offset = 0; offset < size; offset += TURN_BYTES) {
    if (signal?.aborted) throw abortReason(signal);
    const range = { from: offset, to: Math.min(size, offset + TURN_BYTES) };
    if (!(await comparisons.run(key, () => hasSameRange(one, other, range)))) return false;
  }
  return true;
}

async function hasSameRange(
  one: FileHandle,
  other: FileHandle,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<boolean> {
  const [mine, theirs] = [one, other].map(() => Buffer.allocUnsafe(Math.min(to - from, BUFFER_BYTES))) as [
    Buffer,
    Buffer,
  ];
  for (let offset = from; offset < to;) {
    const length = Math.min(mine.length, to - offset);
    const reads = [one.read(mine, 0, length, offset), other.read(theirs, 0, length, offset)] as const;
    const [left, right] = await Promise.all(reads);
    const read = Math.min(left.bytesRead, right.bytesRead);
    if (read === 0 || mine.compare(theirs, 0, read, 0, read) !== 0) return false;
    offset += read;
  }
  return true;
}

/** Whether nobody has written to a file between two looks at it. */
export function isUntouched(before: BigIntStats, now: BigIntStats): boolean {
  return now.size === before.size && now.mtimeNs === before.mtimeNs && now.ctimeNs === before.ctimeNs;
}

/** Whether the path still leads to the file that was looked at. */
export function leadsTo(path: string, { dev, ino }: BigIntStats): boolean {
  const there = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return there?.ino === ino && there.dev === dev;
}
