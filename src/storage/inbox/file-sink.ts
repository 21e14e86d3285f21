import { constants, lstatSync } from 'node:fs';
import { open, readlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { FtxError } from '../../core/errors.js';
import { BLOCK_BYTES, type Entry } from '../../core/entry.js';
import type { PartFile, Placed, PresentFile, Sink } from '../../core/sink.js';
import { setMode, setTimes, lstatIfAny } from '../disk/attributes.js';
import { commitLink } from './commit.js';
import { decideFile, refuseExisting, type ConflictPolicy } from '../names/conflict.js';
import { describeDiskError, showPath } from '../disk/disk-error.js';
import { DURABLE, LEFT_TO_THE_SYSTEM } from '../disk/durability.js';
import { createFolders, type Folders } from './folders.js';
import { HOLDS_BY_DESCRIPTOR, releaseFolder, type HeldFolder } from '../disk/held-folder.js';
import { createPartFile, refuseSize, type PartFileOptions } from './part-file.js';
import { withPlace, type HeldPlace, type Place } from './place.js';
import { createPlan, refuseCount } from './plan.js';
import { openPresent, type PresentOptions } from './present-file.js';
import { withQuota, type Quota } from './quota.js';
import { openResumablePart, removeResumablePart } from './resumable-part.js';
import { checkLinkTarget, parsePath, type EntryPath } from '../names/safe-path.js';
import type { Fold } from '../names/same-names.js';
import { withReservation, type SenderSpace, type Space } from './space.js';

export type { ConflictPolicy } from '../names/conflict.js';

export interface FileSinkOptions {
  /** Absolute, as prepareFolder returns it. */
  readonly dir: string;
  readonly onConflict: ConflictPolicy;
  /** Bytes; Infinity for no limit. */
  readonly maxSize: number;
  /** Who sends: only the same peer goes on with a part file. Without it none is kept. */
  readonly peer?: string;
  /** Room on the disk; without it a full one shows only when it is full. */
  readonly space?: Space;
  /** Whether to wait until the disk has what is stored. Default true. */
  readonly sync?: boolean | undefined;
  /** What the folder may hold; without it as much as the disk. */
  readonly quota?: Quota | undefined;
  /** Files, links and folders that one session may bring. Default: any number. */
  readonly maxFiles?: number;
  /** Which names the folder takes for one; without it none. */
  readonly fold?: Fold | undefined;
}

const OWNER_LOOKS = 0o500;

interface SinkSession extends Omit<FileSinkOptions, 'space'> {
  readonly folders: Folders;
  readonly space: SenderSpace | undefined;
}

/**
 * A Sink over a folder, one per session: it remembers which folders this
 * session made, because only those take the mode and time of an offer.
 */
export function createFileSink(options: FileSinkOptions): Sink {
  const { dir, peer, sync = true } = options;
  const folders = createFolders(dir, sync ? DURABLE : LEFT_TO_THE_SYSTEM, peer);
  const session: SinkSession = { ...options, folders, space: options.space?.join() };
  let lastFolder: Promise<unknown> = Promise.resolve();

  // In the order of the offers: making a folder changes the time of the one it is in.
  function placeFolder(offer: Entry): Promise<Placed> {
    const placed = lastFolder.then(() => placeDirectory(session, offer));
    lastFolder = placed.catch(() => undefined);
    return placed;
  }

  const { maxFiles = Infinity } = options;
  const countEntry = createCounter(maxFiles, folders);
  return {
    isDurable: sync,
    plan: (isDryRun) => createPlan({ ...session, maxFiles }, isDryRun),
    open: (offer) =>
      explain(offer, () => {
        countEntry(offer);
        return openFile(session, offer);
      }),
    place: (offer) =>
      explain(offer, () => {
        countEntry(offer);
        if (offer.kind === 'directory') return placeFolder(offer);
        if (offer.kind === 'symlink') return placeLink(folders, options, offer);
        throw refuseKind(offer);
      }),
    finish: () => folders.settle(),
  };
}

/** Folders count when they are offered or made, whichever are more: for one deep path many are made. */
function createCounter(maxFiles: number, folders: Folders): (offer: Entry) => void {
  let directories = 0;
  let others = 0;
  return ({ kind }) => {
    const [more, otherMore] = kind === 'directory' ? [1, 0] : [0, 1];
    if (others + otherMore + Math.max(directories + more, folders.made.count) > maxFiles) throw refuseCount(maxFiles);
    directories += more;
    others += otherMore;
  };
}

async function explain<T>(offer: Entry, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw describeDiskError(error, offer.path);
  }
}

async function openFile(session: SinkSession, offer: Entry): Promise<PartFile | PresentFile> {
  const { onConflict, maxSize, folders, peer } = session;
  const path = parsePath(offer.path);
  if (offer.kind !== 'file') throw refuseKind(offer);
  if (offer.size !== null && offer.size > maxSize) throw refuseSize(offer.path, maxSize, offer.size);
  const findPlace = () => folders.find(path);
  const part = { offer, onConflict, maxSize };
  const openAt = (place: HeldPlace) => openPart({ ...part, place }, session, peer);
  // It begins at the first byte, as the protocol has it for a file that turned out to be another one.
  const openAnew = (place: HeldPlace) => openPart({ ...part, place }, session);
  return holding(await findPlace(), async (place) => {
    const receiveBeside = async () => holding(await findPlace(), openAnew);
    const present = await findPresent(onConflict, offer, { place, findPlace, receiveBeside });
    if (present && peer !== undefined) await removeResumablePart({ offer, place }, peer);
    return present ?? openAt(place);
  });
}

/** Lets go of the place unless a part file comes of it, which keeps it. */
async function holding<T extends PartFile | PresentFile>(
  place: HeldPlace,
  open: (place: HeldPlace) => Promise<T>,
): Promise<T> {
  try {
    const opened = await open(place);
    if (opened.state === 'present') place.release();
    return opened;
  } catch (error) {
    place.abandon();
    throw error;
  }
}

type Limits = Pick<SinkSession, 'space' | 'quota'>;

/** With a peer, one that the same peer can go on with later. */
async function openPart(
  options: PartFileOptions & { place: HeldPlace },
  limits: Limits,
  peer?: string,
): Promise<PartFile> {
  const resumable = peer === undefined ? undefined : await openResumablePart(options, peer);
  if (!resumable) options.place.rest();
  const part = withPlace(resumable ?? createPartFile(options), options.place);
  return limitPart(part, limits, options.offer, resumable !== undefined);
}

/** Refuses what there is no room for, before its first byte if its size is known. */
async function limitPart(
  part: PartFile,
  { space, quota }: Limits,
  { path, size }: Entry,
  isKept: boolean,
): Promise<PartFile> {
  const counted = quota ? withQuota(part, quota, { path, size }, isKept) : part;
  if (size === null) return counted;
  try {
    const missing = Math.max(0, size - part.durable.length * BLOCK_BYTES);
    await quota?.check(path, missing);
    return space ? withReservation(counted, await space.reserve(path, missing)) : counted;
  } catch (error) {
    await part.suspend();
    throw error;
  }
}

/** Undefined for a file that is to be received. */
async function findPresent(
  policy: ConflictPolicy,
  offer: Entry,
  { place, findPlace, receiveBeside }: Required<PresentOptions>,
): Promise<PresentFile | undefined> {
  const there = lstatSync(join(place.folder, place.path.name), { bigint: true, throwIfNoEntry: false });
  if (decideFile(policy, offer, there) !== 'already') return undefined;
  const isKept = policy === 'fail' || policy === 'skip';
  return openPresent({ place, findPlace, ...(!isKept && { receiveBeside }) });
}

function refuseKind(offer: Entry): FtxError {
  return new FtxError('unsupported', `${showPath(offer.path)}: a ${offer.kind} cannot be received in this way.`);
}

/** As the work says, at a place that is held meanwhile and still is where the peer named it. */
async function placing(folders: Folders, path: EntryPath, work: (place: Place) => Promise<string>): Promise<Placed> {
  const place = await folders.find(path);
  try {
    place.check();
    const as = await work(place);
    place.release();
    return { as };
  } finally {
    place.abandon();
  }
}

function placeLink(folders: Folders, { onConflict }: FileSinkOptions, offer: Entry): Promise<Placed> {
  const path = parsePath(offer.path);
  const target = offer.target ?? '';
  checkLinkTarget(path, target);
  return placing(folders, path, async (place) => {
    // The same once more, as when a transfer is begun again.
    if (await hasTarget(place, target)) return path.text;
    return commitLink(place, onConflict, target);
  });
}

async function hasTarget(place: Place, target: string): Promise<boolean> {
  const path = join(place.folder, place.path.name);
  if (!(await lstatIfAny(path))?.isSymbolicLink() || (await readlink(path)) !== target) return false;
  // Whoever made it need not have made it durable, which a placed entry is.
  await place.durability.folder(place.folder);
  return true;
}

function placeDirectory({ folders, quota }: SinkSession, offer: Entry): Promise<Placed> {
  // A folder that its owner cannot look into cannot be counted.
  const mode = quota ? offer.mode | OWNER_LOOKS : offer.mode;
  return placing(folders, parsePath(offer.path), async (place) => {
    const found = await folders.make(place);
    if (found === 'other') throw refuseExisting(offer.path, 'something other than a folder');
    try {
      if (found.isOwn) await applyAttributes(found.folder, place, { ...offer, mode });
      return offer.path;
    } finally {
      releaseFolder(found.folder);
    }
  });
}

async function applyAttributes({ path }: HeldFolder, { durability }: Place, offer: Entry): Promise<void> {
  // Windows opens no folders, and has neither these permissions nor a use for the time of a folder.
  if (process.platform === 'win32') return;
  let handle: FileHandle | undefined;
  try {
    // The path of a held folder is a link by itself, and the only one that is followed.
    const flags = HOLDS_BY_DESCRIPTOR ? 0 : constants.O_NOFOLLOW;
    handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | flags);
    setMode(handle, offer.mode);
    setTimes(handle, offer.mtimeNs);
    await durability.file(handle);
  } finally {
    await handle?.close();
  }
}
