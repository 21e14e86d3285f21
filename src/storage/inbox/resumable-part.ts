/** A part file that a later session of the same sender can go on with. */
import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../core/errors.js';
import { BLOCK_BYTES, MIN_RESUMABLE_BYTES, type Entry } from '../../core/entry.js';
import type { PartFile } from '../../core/sink.js';
import { countFromStart, countUpTo, openJournal, readJournal, type BlockJournal } from '../disk/block-journal.js';
import { cutTail } from '../disk/extent.js';
import { createKeptPart, readPin } from './kept-part.js';
import { claimPart, isClaimed } from './part-claims.js';
import { LOCK_SUFFIX, takeLock, type Lock } from '../disk/lock.js';
import { DiskPart, type PartFileOptions } from './part-file.js';
import { PART_SUFFIX } from '../names/part-name.js';
import { RESERVED_PREFIX } from '../names/safe-path.js';

export const JOURNAL_SUFFIX = '.journal';
/** Errors that pass by themselves. The sender hears "busy" and comes back, so its part file and journal stay. */
const PASSING: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM'];
/** What the system says of a link, a pipe or a folder that was planted at the name. It is left alone. */
const PLANTED: readonly string[] = ['ELOOP', 'EISDIR'];

/** The offer and the peer that a part file belongs to. Only the same offer of the same peer goes on with it. */
export interface PartBinding {
  readonly path: string;
  readonly size: number;
  readonly mtime: string;
  readonly peer: string;
}

export function parseBinding(text: string): PartBinding {
  const [path, size, mtime, peer] = JSON.parse(text) as [string, number, string, string];
  return { path, size, mtime, peer };
}

/** The name of the part of an offer and of its journal, without their suffixes. */
export function findStem(offer: Entry, peer: string): string {
  return bindTo(offer, peer).stem;
}

function bindTo({ path, size, mtimeNs }: Entry, peer: string): { binding: string; stem: string } {
  const binding = JSON.stringify([path, size, mtimeNs.toString(), peer]);
  return { binding, stem: RESERVED_PREFIX + createHash('sha256').update(binding).digest('hex').slice(0, 16) };
}

/** Removes the part file of an offer that is stored already. A crash has left it after the file got its name, and nobody would go on with it. */
export async function discardResumablePart(
  { offer, place }: Pick<PartFileOptions, 'offer' | 'place'>,
  peer: string,
): Promise<void> {
  if (!isWorthKeeping(offer)) return;
  const path = join(place.folder, bindTo(offer, peer).stem);
  const suffixes = [PART_SUFFIX, JOURNAL_SUFFIX, LOCK_SUFFIX];
  if (!suffixes.some((suffix) => lstatSync(path + suffix, { throwIfNoEntry: false }))) return;
  place.makeWritable();
  await removePart(path);
}

/** Removes a part file with its journal; `stem` is their path without suffixes. Resolves with false when a session has them open, or `isMeant`, asked under their lock, tells so. */
export async function removePart(stem: string, isMeant = () => Promise.resolve(true)): Promise<boolean> {
  if (isClaimed(stem + PART_SUFFIX)) return false;
  const lock = await takeLock(stem + LOCK_SUFFIX);
  if (!lock) return false;
  try {
    if (!(await isMeant())) return false;
    await removeFiles(stem);
    return true;
  } finally {
    await lock.release();
  }
}

/**
 * Opens the part file of an offer. Undefined for a small file or a stream, and where no journal can be kept: that costs
 * a later session its head start, and not the file. While another session, of this or another receiver, has it open,
 * waits for that one, because a second part would cost the sender everything it has sent. Throws FtxError `busy` when
 * that takes too long, and the reason of `signal`.
 */
export async function openResumablePart(
  options: PartFileOptions,
  peer: string,
  signal?: AbortSignal,
): Promise<PartFile | undefined> {
  const { offer, place } = options;
  if (!isWorthKeeping(offer)) return undefined;
  const { binding, stem } = bindTo(offer, peer);
  const path = join(place.folder, stem + PART_SUFFIX);
  const held = await claimPart(path, join(place.folder, stem + LOCK_SUFFIX), offer, signal);
  try {
    return await openClaimed(options, stem, binding, held);
  } catch (error) {
    await held.release();
    if (PASSING.includes(errnoOf(error) ?? '')) throw error;
    return undefined;
  }
}

function isWorthKeeping({ size }: Entry): boolean {
  return size !== null && size >= MIN_RESUMABLE_BYTES;
}

/** Counts the bytes of the offer that an earlier session of the same peer has left in the folder. Opens nothing for writing. */
export async function findDurableBytes(folder: string, offer: Entry, peer: string): Promise<number> {
  if (!isWorthKeeping(offer)) return 0;
  const { binding, stem } = bindTo(offer, peer);
  const files = [PART_SUFFIX, JOURNAL_SUFFIX].map((suffix) => join(folder, stem + suffix));
  const [part, journalFile] = files.map((file) => lstatSync(file, { throwIfNoEntry: false }));
  if (!part?.isFile() || !journalFile?.isFile()) return 0;
  const journal = await readJournal(files[1] ?? '').catch(() => undefined);
  if (journal?.binding !== binding) return 0;
  const blocks = Math.min(journal.blocks, countBlocks(part.size, offer));
  return Math.min(blocks * BLOCK_BYTES, offer.size ?? 0);
}

/** Counts the blocks in the first `bytes` bytes of a file. A short last block counts only if all of it is there. */
function countBlocks(bytes: number, { size }: Entry): number {
  return bytes === size ? Math.ceil(bytes / BLOCK_BYTES) : Math.floor(bytes / BLOCK_BYTES);
}

async function openClaimed(options: PartFileOptions, stem: string, binding: string, held: Lock) {
  const name = stem + PART_SUFFIX;
  let journal: BlockJournal | undefined;
  try {
    const owner = findOwnUser(options.place.folder, stem);
    assertOwnPart(join(options.place.folder, name), owner);
    journal = await openJournal(join(options.place.folder, stem + JOURNAL_SUFFIX), binding, owner);
    return await openWithJournal(options, name, journal, held);
  } catch (error) {
    await journal?.close().catch(() => undefined);
    const errno = errnoOf(error) ?? '';
    if (![...PASSING, ...PLANTED].includes(errno)) await removeFiles(join(options.place.folder, stem));
    throw error;
  }
}

/** The user to whom the disk gives what this process makes: not its own on some network and FAT file systems. Undefined where that is not known. */
function findOwnUser(folder: string, stem: string): number | undefined {
  return lstatSync(join(folder, stem + LOCK_SUFFIX), { throwIfNoEntry: false })?.uid;
}

/** Throws ELOOP for a part file that another user has put there. */
function assertOwnPart(path: string, owner: number | undefined): void {
  const uid = lstatSync(path, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || uid === undefined || uid === owner) return;
  throw Object.assign(new Error('the part file of another user has its name'), { code: 'ELOOP' });
}

/** Removes a part file and its journal: one is of no use without the other. */
async function removeFiles(stem: string): Promise<void> {
  await Promise.all([PART_SUFFIX, JOURNAL_SUFFIX].map((suffix) => unlink(stem + suffix).catch(() => undefined)));
}

async function openWithJournal(options: PartFileOptions, name: string, journal: BlockJournal, held: Lock) {
  const path = join(options.place.folder, name);
  const durable = readDurable(journal, path, options.offer);
  // A part file without a journal is of no use, nor is a journal without a part file.
  if (durable.length === 0) {
    await journal.clear();
    await unlink(path).catch(() => undefined);
  }
  const isExact = durable.length === 0 || (journal.pin !== undefined && journal.pin === readPin(path));
  const part = new DiskPart(options, {
    name,
    bytes: durable.length > 0 ? await cutTail(path, countUpTo(journal.known) * BLOCK_BYTES) : 0,
  });
  return createKeptPart(part, journal, { durable, isExact, held, file: path, options });
}

/** Returns the digests of the blocks that both the journal and the part file hold, from block 0 on without a gap. */
function readDurable({ known }: BlockJournal, path: string, offer: Entry): bigint[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.nlink !== 1) return [];
  const count = Math.min(countFromStart(known), countBlocks(stats.size, offer));
  return Array.from({ length: count }, (_, block) => known.get(block) ?? 0n);
}
