/** Makes offered folders and links. Each is durable when it is made, or it is refused. */
import { constants } from 'node:fs';
import { open, readlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from '../../core/entry.js';
import type { Placed } from '../../core/sink.js';
import { lstatIfAny, setMode, setTimes } from '../disk/attributes.js';
import { HOLDS_BY_DESCRIPTOR, releaseFolder, type HeldFolder } from '../disk/held-folder.js';
import { existsError, type ConflictPolicy } from '../names/conflict.js';
import { assertLinkTarget, parsePath, type EntryPath } from '../names/safe-path.js';
import { commitLink } from './commit.js';
import type { Folders } from './folders.js';
import type { Place } from './place.js';
import type { Quota } from './quota.js';

/** The permission bits that let the owner list a folder and walk through it. */
const OWNER_LOOKS = 0o500;

export interface PlacingOptions {
  readonly folders: Folders;
  readonly onConflict: ConflictPolicy;
  readonly quota?: Quota | undefined;
}

/**
 * Runs `work` at the entry's place while its folder is held, after checking that the peer's path still leads there.
 * `work` resolves with what became of the entry.
 */
async function placing(folders: Folders, path: EntryPath, work: (place: Place) => Promise<Placed>): Promise<Placed> {
  const place = await folders.find(path);
  try {
    place.assertUnmoved();
    const placed = await work(place);
    place.release();
    return placed;
  } finally {
    place.discard();
  }
}

export function placeLink({ folders, onConflict }: PlacingOptions, offer: Entry): Promise<Placed> {
  const path = parsePath(offer.path);
  const target = offer.target ?? '';
  assertLinkTarget(path, target);
  return placing(folders, path, async (place) => {
    // The same link is there already, as when a transfer is repeated.
    if (await hasTarget(place, target)) return { as: path.text };
    return commitLink(place, onConflict, target);
  });
}

async function hasTarget(place: Place, target: string): Promise<boolean> {
  const path = join(place.folder, place.path.name);
  if (!(await lstatIfAny(path))?.isSymbolicLink() || (await readlink(path)) !== target) return false;
  // Another program may have made the link, and not durable. A placed entry has to be durable.
  await place.durability.folder(place.folder);
  return true;
}

export function placeDirectory({ folders, quota }: PlacingOptions, offer: Entry): Promise<Placed> {
  // The quota cannot count a folder that its owner cannot look into.
  const mode = quota ? offer.mode | OWNER_LOOKS : offer.mode;
  return placing(folders, parsePath(offer.path), async (place) => {
    const found = await folders.make(place);
    if (found === 'other') throw existsError(offer.path, 'something other than a folder');
    try {
      if (found.isOwn) await applyAttributes(found.folder, place, { ...offer, mode });
      return { as: offer.path };
    } finally {
      releaseFolder(found.folder);
    }
  });
}

async function applyAttributes({ path }: HeldFolder, { durability }: Place, offer: Entry): Promise<void> {
  // Windows cannot open a folder as a file, does not have these permissions, and does not use the time of a folder.
  if (process.platform === 'win32') return;
  let handle: FileHandle | undefined;
  try {
    // The path of a folder held by descriptor is a link itself (/proc/self/fd/…). No other link is followed.
    const flags = HOLDS_BY_DESCRIPTOR ? 0 : constants.O_NOFOLLOW;
    handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | flags);
    setMode(handle, offer.mode);
    setTimes(handle, offer.mtimeNs);
    await durability.file(handle);
  } finally {
    await handle?.close();
  }
}
