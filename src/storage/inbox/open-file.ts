/** Opens an offered file: refuses it, compares it with the file that is there, or makes a part file within the limits. */
import { join } from 'node:path';
import { BLOCK_BYTES, type Entry } from '../../core/entry.js';
import { FtxError } from '../../core/errors.js';
import type { PartFile, PresentFile } from '../../core/sink.js';
import { showPath } from '../disk/disk-error.js';
import { decideFile, type ConflictPolicy } from '../names/conflict.js';
import { parsePath } from '../names/safe-path.js';
import { readExisting } from './existing.js';
import type { Folders } from './folders.js';
import { createPartFile, tooLargeError, type PartFileOptions } from './part-file.js';
import { withPlace, type HeldPlace } from './place.js';
import { openPresent, type PresentOptions } from './present-file.js';
import { withQuota, type Quota } from './quota.js';
import { openResumablePart, discardResumablePart } from './resumable-part.js';
import { withReservation, type SenderSpace } from './space.js';

/** The limits and policy of one session. */
export interface OpenOptions {
  readonly folders: Folders;
  readonly onConflict: ConflictPolicy;
  /** The size of the largest file, in bytes. */
  readonly maxSize: number;
  /** The sender. Only the same peer goes on with a part file. Without a peer, no part file is kept. */
  readonly peer?: string | undefined;
  readonly space: SenderSpace | undefined;
  readonly quota?: Quota | undefined;
}

/** Opens an offered file. Throws FtxErrors, or what the system throws. */
export async function openFile(session: OpenOptions, offer: Entry): Promise<PartFile | PresentFile> {
  const { onConflict, maxSize, folders, peer } = session;
  const path = parsePath(offer.path);
  if (offer.kind !== 'file') throw unsupportedError(offer);
  if (offer.size !== null && offer.size > maxSize) throw tooLargeError(offer.path, maxSize, offer.size);
  const findPlace = () => folders.find(path);
  const part = { offer, onConflict, maxSize };
  const openAt = (place: HeldPlace) => openPart({ ...part, place }, session, peer);
  // A file that differs from the one that is there is sent from its first byte, so it has no part to go on with.
  const openAnew = (place: HeldPlace) => openPart({ ...part, place }, session);
  return withHold(await findPlace(), async (place) => {
    const receiveBeside = async () => withHold(await findPlace(), openAnew);
    const present = await findPresent(onConflict, offer, { place, findPlace, receiveBeside });
    if (present && peer !== undefined) await discardResumablePart({ offer, place }, peer);
    return present ?? openAt(place);
  });
}

/** Opens a file at a held place. A part file keeps the place. Otherwise the place is released, or discarded after an error. */
async function withHold<T extends PartFile | PresentFile>(
  place: HeldPlace,
  open: (place: HeldPlace) => Promise<T>,
): Promise<T> {
  try {
    const opened = await open(place);
    if (opened.state === 'present') place.release();
    return opened;
  } catch (error) {
    place.discard();
    throw error;
  }
}

type Limits = Pick<OpenOptions, 'space' | 'quota'>;

/** Makes a part file. With `peer`, the same peer can go on with it later if openResumablePart allows it. */
async function openPart(
  options: PartFileOptions & { place: HeldPlace },
  limits: Limits,
  peer?: string,
): Promise<PartFile> {
  const resumable = peer === undefined ? undefined : await openResumablePart(options, peer);
  if (!resumable) options.place.releaseDescriptor();
  const part = withPlace(resumable ?? createPartFile(options), options.place);
  return limitPart(part, limits, options.offer, resumable !== undefined);
}

/** Holds the part file to quota and free space. Throws FtxError `no-space` for a file whose size is known to be too much. */
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
    await quota?.assertRoom(path, missing);
    return space ? withReservation(counted, await space.reserve(path, missing)) : counted;
  } catch (error) {
    await part.suspend();
    throw error;
  }
}

/** Returns the file that is there and may be the offered one; undefined if the offered file is to be received. Throws FtxError `exists`. */
async function findPresent(
  policy: ConflictPolicy,
  offer: Entry,
  { place, findPlace, receiveBeside }: Required<PresentOptions>,
): Promise<PresentFile | undefined> {
  const there = readExisting(join(place.folder, place.path.name));
  if (decideFile(policy, offer, there) !== 'already') return undefined;
  const isKept = policy === 'fail' || policy === 'skip';
  return openPresent({ place, findPlace, ...(!isKept && { receiveBeside }) });
}

export function unsupportedError(offer: Entry): FtxError {
  return new FtxError('unsupported', `${showPath(offer.path)}: a ${offer.kind} cannot be received in this way.`);
}
