/** From a written part file to a durable file under its final name. */
import { linkSync, unlinkSync, type BigIntStats } from 'node:fs';
import { link, rename, symlink, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FtxError, errnoOf } from '../../core/errors.js';
import type { Entry } from '../../core/entry.js';
import type { Placed } from '../../core/sink.js';
import { setMode, setTimes, lstatIfAny } from '../disk/attributes.js';
import { existsError, isKept, type ConflictPolicy } from '../names/conflict.js';
import { showPath } from '../disk/disk-error.js';
import type { DiskFile } from '../disk/disk-file.js';
import { isWithoutLinks } from '../disk/errno.js';
import { inboxDisk } from '../disk/latency.js';
import { claimFreeName, type FoundName } from '../names/free-name.js';
import { makePartName } from '../names/part-name.js';
import { keepFile, type KeptFile } from './announce.js';
import type { Place } from './place.js';
import { findSameContent, type SameFile } from './same-content.js';
import { findUsualFileMode } from './usual-mode.js';

/** A larger file is synced by itself, so that small ones do not wait for it. */
const MAX_GROUPED_BYTES = 1024 * 1024;

/**
 * Makes a part file durable with its mode and time, closes it, and moves it to its final name. A file that stands
 * there with the same content is `already` there, and the part file is removed. The last step is an event for watchers:
 * the file is closed after writing under its final name, or was renamed to it. After an error the part file may remain,
 * and the final name stands for what it stood for before; only if the last sync fails, an overwritten file may be the
 * new one. Throws FtxErrors, or what the system throws.
 */
export async function commitFile(part: Part, place: Place, policy: ConflictPolicy, offer: Entry): Promise<Committed> {
  if (policy === 'overwrite') {
    // Any other policy looks when it finds the name taken.
    const same = await findSameContent(part.path, place, { isNumbered: false, signal: part.comparing });
    if (same) return giveUp(part, place, same);
  }
  const mode = offer.mode ?? findUsualFileMode(place.folder);
  const kept = keepFile(part.file, part.path, mode, policy === 'overwrite');
  try {
    setMode(part.file, kept.firstMode);
    setTimes(part.file, offer.mtimeNs);
    await place.durability.file(part.file, kept.size <= MAX_GROUPED_BYTES ? place.member : undefined);
    assertOwnName(part, place, kept);
    await part.file.close();
    return await moveFile(part, place, policy, kept);
  } finally {
    kept.close();
  }
}

/** Removes the part file, because a file of its content stands there. */
async function giveUp(part: Part, place: Place, { name, stats }: SameFile): Promise<Committed> {
  await part.file.close();
  await unlink(part.path);
  return { as: place.path.sibling(name), already: true, stats };
}

/** A file that stands under its final name. */
export interface Committed extends Placed {
  /** The file after the last step, wherever a watcher has moved it since; undefined if the disk no longer tells. */
  readonly stats?: BigIntStats | undefined;
}

/** A part file that is written and open. */
interface Part {
  readonly file: DiskFile;
  readonly path: string;
  /** Ends comparisons with files that are there. */
  readonly comparing?: AbortSignal | undefined;
}

async function moveFile(
  { path: from, comparing }: Part,
  place: Place,
  policy: ConflictPolicy,
  kept: KeptFile,
): Promise<Committed> {
  let isRenamed = policy === 'overwrite';
  let sameStats: BigIntStats | undefined;
  const search = { isNumbered: policy === 'rename', signal: comparing, different: new Set<string>() };
  const placed = await moveToFinalName(place, policy, {
    replace: (path) => rename(from, path),
    async claim(path) {
      const claimed = await moveExclusively(from, path, () => kept.finishMode(place.durability));
      isRenamed = claimed === 'renamed';
      return claimed !== 'taken';
    },
    // A file of the same content may have got the name since the first look.
    async findSame() {
      const same = await findSameContent(from, place, search);
      sameStats = same?.stats;
      return same?.name;
    },
    remove: () => unlink(from),
    isOwn: (path) => kept.isAt(path),
  });
  if (placed.already) return { ...placed, stats: sameStats };
  const path = join(place.folder, basename(placed.as));
  if (!isRenamed) await kept.announce(path, place.durability);
  return { ...placed, stats: kept.stats(path) };
}

/** Throws unless the name of the part file still leads to it. Another receiver in the same folder may have taken it away. */
function assertOwnName({ path }: Part, place: Place, kept: KeptFile): void {
  if (kept.isAt(path)) return;
  const message = `${showPath(place.path.text)}: its part file was taken away. Does another receiver use this folder?`;
  throw new FtxError('io', message);
}

/** Makes a symlink. Resolves once it is durable. `isThere`: the same durable link has the name. Throws FtxError `exists`. */
export function commitLink(
  place: Place,
  policy: ConflictPolicy,
  target: string,
  isThere: () => Promise<boolean>,
): Promise<Placed> {
  return moveToFinalName(place, policy, {
    replace: (path) => replaceByLink(target, join(place.folder, makePartName()), path),
    claim: (path) => isClaimed(symlink(target, path)),
    findSame: async () => ((await isThere()) ? place.path.name : undefined),
    remove: () => Promise.resolve(),
    isOwn: () => true,
  });
}

interface Moves {
  /** Takes the path from the file or link that has it. */
  replace(path: string): Promise<void>;
  /** Takes the path if it is free. Resolves with false if something is there. */
  claim(path: string): Promise<boolean>;
  /** Finds a file in the folder with the content that is to be moved. Resolves with its name once it is durable. */
  findSame(): Promise<string | undefined>;
  /** Removes what was to be moved. */
  remove(): Promise<void>;
  /** Whether what was moved still is at the path. A program may have put something else there. */
  isOwn(path: string): boolean;
}

async function moveToFinalName(place: Place, policy: ConflictPolicy, moves: Moves): Promise<Placed> {
  if (policy === 'overwrite') {
    await moves.replace(join(place.folder, place.path.name));
    // If the sync fails, the old file or the new one is there, and it is complete. Removing it could lose both.
    await place.durability.folder(place.folder);
    return { as: place.path.text };
  }
  const { name, isClaimed } = await claimName(place, policy, moves);
  if (!isClaimed) {
    await moves.remove();
    return { as: place.path.sibling(name), already: true };
  }
  try {
    await place.durability.folder(place.folder);
    return { as: place.path.sibling(name) };
  } catch (error) {
    const path = join(place.folder, name);
    if (moves.isOwn(path)) await unlink(path).catch(() => undefined);
    throw error;
  }
}

async function claimName(place: Place, policy: ConflictPolicy, moves: Moves): Promise<FoundName> {
  const at = (name: string): string => join(place.folder, name);
  const { name, text } = place.path;
  if (!isKept(policy)) {
    return claimFreeName({
      path: at(name),
      name,
      claim: (candidate) => moves.claim(at(candidate)),
      isTaken: async (candidate) => (await lstatIfAny(at(candidate))) !== undefined,
      findInstead: () => moves.findSame(),
    });
  }
  if (await moves.claim(at(name))) return { name, isClaimed: true };
  if ((await moves.findSame()) !== undefined) return { name, isClaimed: false };
  throw existsError(text);
}

/** Moves a file unless `to` exists, and resolves with how. Uses link(2), because rename(2) replaces what is there. */
async function moveExclusively(
  from: string,
  to: string,
  beforeRename: () => Promise<void>,
): Promise<'linked' | 'renamed' | 'taken'> {
  try {
    if (!(await isClaimed(addName(from, to)))) return 'taken';
  } catch (error) {
    if (!isWithoutLinks(error)) throw error;
    await beforeRename();
    return (await renameExclusively(from, to)) ? 'renamed' : 'taken';
  }
  try {
    await remove(from);
  } catch (error) {
    await unlink(to);
    throw error;
  }
  return 'linked';
}

/** Gives a file one more name. That only changes memory, so a prompt disk does it at once. */
async function addName(from: string, to: string): Promise<void> {
  if (inboxDisk.isFast()) inboxDisk.time(() => linkSync(from, to));
  else await link(from, to);
}

/** Removes one of the names of a file, as promptly. */
async function remove(path: string): Promise<void> {
  if (inboxDisk.isFast()) inboxDisk.time(() => unlinkSync(path));
  else await unlink(path);
}

async function isClaimed(attempt: Promise<void>): Promise<boolean> {
  try {
    await attempt;
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

let lastRename: Promise<unknown> = Promise.resolve();

/**
 * Moves a file unless `to` exists, where there are no hard links (FAT, many network shares). Node has no
 * RENAME_NOREPLACE, so this takes two steps: looking and renaming. In this process, one move runs at a time. Another
 * program can still create `to` between the two steps.
 */
function renameExclusively(from: string, to: string): Promise<boolean> {
  const attempt = lastRename.then(async () => {
    if (await lstatIfAny(to)) return false;
    await rename(from, to);
    return true;
  });
  lastRename = attempt.catch(() => undefined);
  return attempt;
}

async function replaceByLink(target: string, temporary: string, path: string): Promise<void> {
  await symlink(target, temporary);
  try {
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary);
    throw error;
  }
}
