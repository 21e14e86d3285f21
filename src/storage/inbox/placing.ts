/** Makes offered folders and links. Each is durable when it is made, or it is refused. */
import { constants } from 'node:fs';
import { open, readlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry } from '../../core/entry.js';
import type { Placed } from '../../core/sink.js';
import { lstatIfAny, setFolderMode, setTimes } from '../disk/attributes.js';
import { HOLDS_BY_DESCRIPTOR, releaseFolder } from '../disk/held-folder.js';
import { existsError, type ConflictPolicy } from '../names/conflict.js';
import { assertLinkTarget, parsePath, type EntryPath } from '../names/safe-path.js';
import { commitLink } from './commit.js';
import type { Deliveries } from './deliveries.js';
import type { EntryRoom } from './entry-room.js';
import type { Folders, Found } from './folders.js';
import { setModeAfterwards } from './open-up.js';
import type { Place } from './place.js';
import type { Quota } from './quota.js';

/** The permission bits that let the owner list a folder and walk through it. */
const OWNER_LOOKS = 0o500;
/** The permission bits without which a folder takes nothing more, and those by which others than its owner write to it. */
const OWNER_ALL = 0o700;
const OTHERS_WRITE = 0o022;

export interface PlacingOptions {
  readonly folders: Folders;
  readonly room: EntryRoom;
  readonly onConflict: ConflictPolicy;
  readonly quota?: Quota | undefined;
  /** What this sender has brought before. Without it nothing is remembered. */
  readonly deliveries?: Deliveries | undefined;
  /** Whether the owner of the inbox knows the sender. */
  readonly isKnown: boolean;
  /** The permission bits of all new folders. Without it, those of the offer count. */
  readonly dirMode?: number | undefined;
}

/**
 * Runs `work` at the entry's place while its folder is held, after checking that the peer's path still leads there.
 * `work` resolves with what became of the entry.
 */
async function placing(
  folders: Folders,
  path: EntryPath,
  signal: AbortSignal | undefined,
  work: (place: Place) => Promise<Placed>,
): Promise<Placed> {
  const place = await folders.find(path, signal);
  try {
    place.assertUnmoved();
    const placed = await work(place);
    place.release();
    return placed;
  } finally {
    place.discard();
  }
}

export async function placeLink(
  { folders, room, onConflict, deliveries }: PlacingOptions,
  offer: Entry,
  signal?: AbortSignal,
): Promise<Placed> {
  const path = parsePath(offer.path);
  const target = offer.target ?? '';
  assertLinkTarget(path, target);
  const placed = await placing(folders, path, signal, async (place) => {
    // The same link is there already, as when a transfer is repeated.
    const isThere = () => hasTarget(place, target);
    if (await isThere()) return { as: path.text, already: true };
    place.makeWritable();
    const made = await room.add(place.ground, path.text, () => commitLink(place, onConflict, target, isThere));
    if (made.already) room.release();
    return made;
  });
  deliveries?.noteLink(offer, placed.as);
  return placed;
}

async function hasTarget(place: Place, target: string): Promise<boolean> {
  const path = join(place.folder, place.path.name);
  if (!(await lstatIfAny(path))?.isSymbolicLink() || (await readlink(path)) !== target) return false;
  // Another program may have made the link, and not durable. A placed entry has to be durable.
  await place.durability.folder(place.folder);
  return true;
}

/** Makes a folder, or finds it. A folder that somebody else has made keeps its mode and time, and is `already` there. */
export function placeDirectory(options: PlacingOptions, offer: Entry, signal?: AbortSignal): Promise<Placed> {
  const { folders } = options;
  return placing(folders, parsePath(offer.path), signal, async (place) => {
    const found = await folders.make(place);
    if (found === 'other') throw existsError(offer.path, 'something other than a folder');
    try {
      if (!found.isOwn) return { as: offer.path, already: true };
      await applyAttributes(found, place, await chooseMode(options, offer, place.path), offer.mtimeNs);
      return { as: offer.path };
    } finally {
      releaseFolder(found.folder);
    }
  });
}

async function chooseMode(options: PlacingOptions, offer: Entry, { parents }: EntryPath): Promise<number> {
  const { dirMode, quota, isKnown, folders } = options;
  if (dirMode !== undefined) return dirMode;
  const mode = offer.mode ?? OWNER_ALL;
  const isUnusual = (mode & OWNER_ALL) !== OWNER_ALL || (mode & OTHERS_WRITE) !== 0;
  // Among the folders of others, a stranger neither closes a name to the senders after it, nor opens to the other users
  // of the machine what those senders put there.
  if (isUnusual && !isKnown && !(await folders.isOwn(parents))) return (mode | OWNER_ALL) & ~OTHERS_WRITE;
  // The quota cannot count a folder that its owner cannot look into.
  return quota ? mode | OWNER_LOOKS : mode;
}

/** Whether a folder is as an earlier transfer has left it. To write the same again would cost the disk a turn for each folder. */
async function hasAttributes(handle: FileHandle, mode: number, mtimeNs: bigint): Promise<boolean> {
  const there = await handle.stat({ bigint: true });
  return Number(there.mode & 0o1777n) === (mode & 0o777) && there.mtimeNs / 1000n === mtimeNs / 1000n;
}

async function applyAttributes(
  { folder: { path, stats }, openUp }: Exclude<Found, 'other'>,
  { durability }: Place,
  mode: number,
  mtimeNs: bigint,
): Promise<void> {
  // Windows cannot open a folder as a file, does not have these permissions, and does not use the time of a folder.
  if (process.platform === 'win32') return;
  let handle: FileHandle | undefined;
  const close = openUp();
  try {
    // The path of a folder held by descriptor is a link itself (/proc/self/fd/…). No other link is followed.
    const flags = HOLDS_BY_DESCRIPTOR ? 0 : constants.O_NOFOLLOW;
    handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | flags).finally(close);
    if (!(await hasAttributes(handle, mode, mtimeNs))) {
      setFolderMode(handle, mode, (bits) => setModeAfterwards(stats, bits));
      setTimes(handle, mtimeNs);
    }
    await durability.file(handle);
  } finally {
    await handle?.close();
  }
}
