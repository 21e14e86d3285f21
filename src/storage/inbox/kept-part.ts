/** A part file with a journal of what is durable in it, on its way to its commit, its removal, or a later session. */
import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { BLOCK_BYTES } from '../../core/entry.js';
import type { PartFile, Placed } from '../../core/sink.js';
import type { BlockJournal } from '../disk/block-journal.js';
import type { Lock } from '../disk/lock.js';
import { createCheckpoints } from './checkpoints.js';
import { busyError } from './part-claims.js';
import type { DiskPart, PartFileOptions } from './part-file.js';

interface Claimed {
  readonly durable: readonly bigint[];
  /** Whether nobody has touched the part file since its last session suspended it. */
  readonly isExact: boolean;
  /** The part file. */
  readonly file: string;
  readonly held: Lock;
  readonly options: Pick<PartFileOptions, 'offer' | 'isKeptWhenFull' | 'onKeptFull'>;
}

/** Makes a part file that stays for a later session when it is suspended. */
export function createKeptPart(part: DiskPart, journal: BlockJournal, claimed: Claimed): PartFile {
  const { durable, isExact, held, file, options } = claimed;
  const mark = createMark(journal, held, options.onKeptFull);
  const checkpoints = createCheckpoints(part, journal, () => held.isHeld());
  /** Durable blocks that have not been read again. */
  const doubtful = new Set(isExact ? [] : durable.keys());
  let ending: Promise<number> | undefined;

  /**
   * Ends the part file by the first call of commit, discard or suspend. Later calls wait for the same end. Resolves with
   * the bytes that stay for a later session.
   */
  const end = (work: () => Promise<number>) => (ending ??= work().finally(() => held.release().finally(mark.tell)));
  const kept = () => checkpoints.kept(options.offer.size);

  /** Leaves the files alone: they may belong to another process by now. */
  const close = () => part.close().then(() => journal.close().catch(() => undefined));

  async function discard(): Promise<0> {
    await checkpoints.stop();
    if (await held.isHeld()) {
      await part.discard();
      await journal.discard().catch(nothing);
    } else await close();
    return 0;
  }

  async function keep(isFull: boolean): Promise<number> {
    const pin = doubtful.size === 0 ? readPin(file) : undefined;
    if (pin !== undefined && (await held.isHeld())) await journal.recordPin(pin).catch(nothing);
    if (isFull) await mark.set();
    await close();
    return kept();
  }

  async function commit(size: number): Promise<Placed> {
    // The system reports a lost write only once. A running fsync may be the one to which it is reported.
    await checkpoints.stop();
    const endIt = () => endJournal(part, journal, mark);
    if (await held.isHeld()) return part.commit(size, options.isKeptWhenFull && kept() > 0).finally(endIt);
    await close();
    throw busyError(options.offer.path);
  }

  return {
    state: 'part',
    durable,
    ...(!isExact && { readAgain: (target: Uint8Array, offset: number) => part.read(target, offset) }),
    confirm(offset, digest) {
      doubtful.delete(offset / BLOCK_BYTES);
      checkpoints.note(offset / BLOCK_BYTES, digest);
    },
    write: (block, offset) => checkpoints.writing(offset, block.length, () => part.write(block, offset)),
    writeZeros: (length, offset) => checkpoints.writing(offset, length, () => part.writeZeros(length, offset)),
    async commit(size) {
      const placed = commit(size);
      await end(() => placed.then(nothing, nothing).then(() => (part.isLeft ? kept() : 0)));
      return placed;
    },
    discard: () => end(discard).then(nothing),
    suspend: (isFull = false) => end(() => checkpoints.finish().then(() => (kept() > 0 ? keep(isFull) : discard()))),
  };
}

/** The mark of a part that stays because there is no room for the rest. */
function createMark(journal: BlockJournal, held: Lock, onKeptFull: (() => void) | undefined) {
  let isSet = false;
  return {
    /** Call it last, because the mark counts only as the last record. */
    async set(): Promise<void> {
      isSet = true;
      if (await held.isHeld()) await journal.recordFull().catch(nothing);
    },
    tell: (): void => {
      if (isSet) onKeptFull?.();
    },
  };
}

/** Without its part, the journal goes too. If the disk is full, both may be left. */
async function endJournal(
  { isLeft }: DiskPart,
  journal: BlockJournal,
  mark: ReturnType<typeof createMark>,
): Promise<void> {
  if (isLeft) await mark.set();
  await (isLeft ? journal.close() : journal.discard()).catch(nothing);
}

/** How a file looks now: no content can change without it. Undefined where the disk's times are too coarse for that. */
export function readPin(path: string): bigint | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stats || stats.ctimeNs % 1_000_000_000n === 0n) return undefined;
  const { ino, size, mtimeNs, ctimeNs } = stats;
  return createHash('sha256').update([ino, size, mtimeNs, ctimeNs].join(' ')).digest().readBigUInt64BE();
}

function nothing(): void {
  return undefined;
}
