/** Opens an offered file: refuses it, compares it with the file that is there, or makes a part file within the limits. */
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { BLOCK_BYTES, type Entry } from '../../core/entry.js';
import { FtxError } from '../../core/errors.js';
import type { DeliveredFile, PartFile, PresentFile, Vouched } from '../../core/sink.js';
import { showPath } from '../disk/disk-error.js';
import { decideFile, isKept, type ConflictPolicy } from '../names/conflict.js';
import { parsePath } from '../names/safe-path.js';
import { createComparingPart } from './comparing-part.js';
import type { Deliveries } from './deliveries.js';
import { readExisting } from './existing.js';
import { needOf, type Limits } from './entry-room.js';
import type { Folders } from './folders.js';
import { createPartFile, tooLargeError, type PartFileOptions } from './part-file.js';
import { withPlace, type HeldPlace } from './place.js';
import { openPresent, type PresentOptions } from './present-file.js';
import { withQuota } from './quota.js';
import { roundUp } from '../disk/disk-figures.js';
import { discardResumablePart, findDurableBytes, openResumablePart } from './resumable-part.js';
import { openIfReadable } from './same-content.js';
import { withReservation } from './reservation.js';

/** The limits and policy of one session. */
export interface OpenOptions extends Limits {
  readonly folders: Folders;
  readonly onConflict: ConflictPolicy;
  /** The size of the largest file, in bytes. */
  readonly maxSize: number;
  /** The sender. Only the same peer goes on with a part file. Without a peer, no part file is kept. */
  readonly peer?: string | undefined;
  /** Whether the sender may learn that a file is there which it did not bring. */
  readonly isKnown: boolean;
  /** What this sender has brought before. Without it nothing is remembered. */
  readonly deliveries?: Deliveries | undefined;
}

/** What an offered file turns out to be. */
type Opened = PartFile | PresentFile | DeliveredFile;

/** Opens an offered file. Throws FtxErrors, or what the system throws. */
export async function openFile(
  session: OpenOptions,
  offer: Entry,
  vouched: Vouched,
  signal?: AbortSignal,
): Promise<Opened> {
  const { maxSize, folders, deliveries } = session;
  const path = parsePath(offer.path);
  if (offer.kind !== 'file') throw unsupportedError(offer);
  if (offer.size !== null && offer.size > maxSize) throw tooLargeError(offer.path, maxSize, offer.size);
  const delivered = await deliveries?.find(offer, vouched);
  if (delivered?.fit === 'same') return { state: 'delivered', as: delivered.as, digest: delivered.digest };
  const findPlace = () => folders.find(path, signal);
  const isKnown = session.isKnown || delivered !== undefined;
  const opening = createOpening(session, offer, { vouched, isKnown, signal });
  return withHold(await findPlace(), async (place) => {
    const name = delivered ? nameOf(delivered.as) : place.path.name;
    const there = readExisting(join(place.folder, name));
    const decision = decideFile(session.onConflict, offer, there, isKnown);
    if (decision === 'receive') return opening.receive(place);
    const digest = delivered?.fit === 'untouched' ? delivered.digest : undefined;
    const canTell = vouched.canProve || digest !== undefined;
    if (decision === 'compare' || !canTell) return opening.compare(place);
    return opening.present(place, { findPlace, name, digest });
  });
}

interface Offering {
  readonly vouched: Vouched;
  /** Whether the sender is known, or has brought this very entry before. */
  readonly isKnown: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The ways in which an offered file can be received. */
function createOpening(session: OpenOptions, offer: Entry, { vouched, isKnown, signal }: Offering) {
  const { onConflict, maxSize, peer, deliveries, parts } = session;
  const note = (as: string, digest: string | undefined, stats: BigIntStats | undefined) => {
    if (digest !== undefined) deliveries?.note(offer, vouched, { as, digest, stats });
  };

  async function receive(place: HeldPlace, by = peer): Promise<PartFile> {
    let digest: string | undefined;
    const onStored = (as: string, stats: BigIntStats | undefined) => note(as, digest, stats);
    const { device } = place.ground;
    const options = {
      ...{ offer, onConflict, maxSize, place, isKeptWhenFull: isKnown, onStored },
      comparing: isKnown ? undefined : signal,
      ...(parts && { onKeptFull: () => parts.noteKept(), makeRoom: () => parts.dropOldest(device) }),
    };
    const part = await place.whileWritable(() => openPart(options, session, by, signal));
    return { ...part, commit: (size, ofFile) => ((digest = ofFile), part.commit(size)) };
  }

  /** Compares the content as it comes with the file that is there, unless some of it has come in an earlier session. */
  async function compare(place: HeldPlace): Promise<PartFile> {
    const isBegun = peer !== undefined && (await findDurableBytes(place.folder, offer, peer)) > 0;
    const there = isBegun ? undefined : await openIfReadable(place, place.path.name);
    if (!there) return receive(place);
    let digest: string | undefined;
    const onSame = (stats: BigIntStats) => note(place.path.text, digest, stats);
    const options = { place, there, isKept: isKept(onConflict), receive: () => receive(place), signal, onSame };
    const part = createComparingPart(options);
    return { ...part, commit: (size, ofFile) => ((digest = ofFile), part.commit(size, ofFile)) };
  }

  async function present(
    place: HeldPlace,
    { findPlace, name, digest }: Pick<PresentOptions, 'findPlace' | 'name' | 'digest'>,
  ): Promise<PresentFile> {
    // A file that differs from the one that is there is sent from its first byte, so it has no part to go on with.
    const receiveBeside = async () => withHold(await findPlace(), (at) => receive(at, undefined));
    if (peer !== undefined) await discardResumablePart({ offer, place }, peer);
    return openPresent({
      ...{ place, findPlace, name, digest, onSame: note },
      receiveFirst: async () => withHold(await findPlace(), compare),
      ...(!isKept(onConflict) && { receiveBeside }),
    });
  }

  return { receive, compare, present };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
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

/** Makes a part file. With `peer`, the same peer can go on with it later if openResumablePart allows it. */
async function openPart(
  options: PartFileOptions & { place: HeldPlace },
  limits: Limits,
  peer?: string,
  signal?: AbortSignal,
): Promise<PartFile> {
  const resumable = peer === undefined ? undefined : await openResumablePart(options, peer, signal);
  if (!resumable) options.place.releaseDescriptor();
  const part = withPlace(resumable ?? createPartFile(options), options.place);
  return limitPart(part, limits, options, resumable !== undefined);
}

/** Holds the part file to quota and free space. Throws FtxError `no-space` for a file whose size is known to be too much. */
async function limitPart(
  part: PartFile,
  { space, quota }: Limits,
  { offer, place, isKeptWhenFull }: PartFileOptions,
  isKept: boolean,
): Promise<PartFile> {
  const { path, size, allocated } = offer;
  const disk = space?.at(place.ground);
  const cost = disk?.cost ?? roundUp;
  const file = { path, size, allocated, cost, isKept, countsZeros: !isKeptWhenFull };
  const counted = quota ? withQuota(part, quota, file) : part;
  try {
    const missing = Math.max(0, (size ?? 0) - part.durable.length * BLOCK_BYTES);
    const need = needOf(offer, missing, isKeptWhenFull);
    await quota?.assertRoom(path, cost(need), size === null);
    const reserved = await disk?.reserve(path, size === null ? null : need);
    return reserved ? withReservation(counted, reserved, isKeptWhenFull) : counted;
  } catch (error) {
    // A stranger's part from before stays, and is not marked: what ends now is the offer.
    await part.suspend(isKeptWhenFull && error instanceof FtxError && error.code === 'no-space');
    throw error;
  }
}

export function unsupportedError(offer: Entry): FtxError {
  return new FtxError('unsupported', `${showPath(offer.path)}: a ${offer.kind} cannot be received in this way.`);
}
