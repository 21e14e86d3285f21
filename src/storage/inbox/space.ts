/** Free space of the disk, reserved for running transfers before their first byte. */
import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { FtxError } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import type { PartFile } from '../../core/sink.js';
import { showBytes, showPath } from '../disk/disk-error.js';

/** Bytes that every transfer leaves free, for other programs and for its own folders and journals. */
const MARGIN_BYTES = 64 * BLOCK_BYTES;
/** Smaller files are stored without a reservation, out of the margin: asking for the free space would cost more. */
export const MIN_BYTES = BLOCK_BYTES;
/** A sender claims at most this many times the bytes that it has brought. An announcement costs nothing, and bytes do. */
const CLAIM_FACTOR = 32;

/** The free space of one disk. All sessions that write to the disk share it. */
export interface Space {
  /** Returns the space as one sender gets it. */
  join(): SenderSpace;
}

export interface SenderSpace {
  /** Reserves bytes for the file at `path`. Throws FtxError `no-space` when there are not enough. */
  reserve(path: string, bytes: number): Promise<Reservation>;
  /** Resolves with the free bytes that this sender may still reserve; Infinity where the system does not tell. */
  left(): Promise<number>;
}

export interface Reservation {
  /** Notes that `bytes` more have been written. Throws FtxError `no-space` when there is no room for the rest any more. */
  use(bytes: number): Promise<void>;
  /** Releases the bytes that were not written. */
  release(): void;
}

/** Reserved bytes that are not on the disk yet. */
interface Promised {
  /** All of the reserved bytes. They count against further reservations of the same sender. */
  left: number;
  /** The reserved bytes that count against other senders as well. */
  claimed: number;
}

interface Request {
  readonly path: string;
  readonly bytes: () => number;
  /** The free bytes that this request may not use. */
  readonly taken: () => number;
  readonly grant: () => void;
}

/** `readFree` gives the free bytes of the disk under a folder. */
export function createSpace(dir: string, readFree = readFreeBytes): Space {
  const all: Promised = { left: 0, claimed: 0 };
  let last: Promise<unknown> = Promise.resolve();

  const readLeft = async (taken: () => number) => {
    const free = await readFree(dir).catch(() => Infinity);
    return Math.max(0, free - taken());
  };

  /** Requests are answered one after the other: of two that want the last space, one gets it. */
  function ask({ path, bytes, taken, grant }: Request): Promise<void> {
    const asked = last.then(async () => {
      const forIt = await readLeft(taken);
      if (forIt < bytes()) throw noSpaceError(path, bytes(), forIt);
      grant();
    });
    last = asked.catch(() => undefined);
    return asked;
  }

  function join(): SenderSpace {
    const own: Promised = { left: 0, claimed: 0 };

    const taken = () => MARGIN_BYTES + all.claimed - own.claimed + own.left;

    async function reserve(path: string, bytes: number): Promise<Reservation> {
      if (bytes < MIN_BYTES) return { use: () => Promise.resolve(), release: () => undefined };
      const promised = createPromised([all, own]);
      await ask({ path, bytes: () => bytes, taken, grant: () => promised.set(bytes, 0) });
      // The margin does not count here, because bytes that are being written may have taken some of it.
      const others = () => all.claimed - promised.claimed;
      return createReservation(promised, (wanted, grant) => ask({ path, bytes: wanted, taken: others, grant }));
    }

    return { reserve, left: () => readLeft(taken) };
  }

  return { join };
}

interface PromisedOnce extends Readonly<Promised> {
  set(left: number, claimed: number): void;
}

/** An amount that is part of several sums. A change of the amount changes the sums. */
function createPromised(sums: readonly Promised[]): PromisedOnce {
  const now: Promised = { left: 0, claimed: 0 };
  return {
    get left() {
      return now.left;
    },
    get claimed() {
      return now.claimed;
    },
    set(left, claimed) {
      for (const sum of sums) {
        sum.left += left - now.left;
        sum.claimed += claimed - now.claimed;
      }
      Object.assign(now, { left, claimed });
    },
  };
}

/** Claims more of the missing bytes, the more have come. `ask` throws when other senders have claimed the space before. */
function createReservation(
  promised: PromisedOnce,
  ask: (wanted: () => number, grant: () => void) => Promise<void>,
): Reservation {
  let used = 0;
  let isAsking = false;
  const due = (factor = CLAIM_FACTOR) => Math.min(promised.left, used * factor);

  async function claim(): Promise<void> {
    isAsking = true;
    try {
      await ask(due, () => promised.set(promised.left, due()));
    } finally {
      isAsking = false;
    }
  }

  return {
    async use(bytes) {
      used += bytes;
      promised.set(Math.max(0, promised.left - bytes), Math.max(0, promised.claimed - bytes));
      // Not every block makes a claim, because a claim asks the system for the free bytes.
      if (!isAsking && promised.claimed < due(CLAIM_FACTOR / 2)) await claim();
    },
    release: () => promised.set(0, 0),
  };
}

/** What statfs tells of a disk, in blocks of `bsize` bytes. */
type DiskFigures = Pick<StatsFs, 'blocks' | 'bavail' | 'bsize'>;

async function readFreeBytes(dir: string): Promise<number> {
  return countFree(await statfs(dir));
}

/** The free bytes of a disk; Infinity if its figures tell nothing, as on mounts that fill them with zeros or with ones. */
export function countFree({ blocks, bavail, bsize }: DiskFigures): number {
  const isKnown = blocks > 0 && bsize > 0 && bavail >= 0 && bavail <= blocks && Number.isSafeInteger(blocks * bsize);
  return isKnown ? bavail * bsize : Infinity;
}

function noSpaceError(path: string, bytes: number, free: number): FtxError {
  const missing = `${showBytes(bytes)} is more than the ${showBytes(free)} that the receiver's disk has left for it`;
  return new FtxError('no-space', `${showPath(path)}: ${missing}. Make room there, then send again.`);
}

/** The part file. Each write uses up some of the reservation, and the end releases the rest. */
export function withReservation(part: PartFile, reservation: Reservation): PartFile {
  return {
    ...part,
    async write(block, offset) {
      await part.write(block, offset);
      await reservation.use(block.length);
    },
    commit: (size) => part.commit(size).finally(() => reservation.release()),
    discard: () => part.discard().finally(() => reservation.release()),
    suspend: () => part.suspend().finally(() => reservation.release()),
  };
}
