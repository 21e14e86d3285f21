/** Room on the disk, promised to running transfers before their first byte. */
import { statfs } from 'node:fs/promises';
import { FtxError } from '../errors.js';
import { BLOCK_BYTES, type PartFile } from '../ports.js';
import { showBytes, showPath } from './disk-error.js';

/** What a transfer leaves free for everybody else, and for its own folders and journals. */
const MARGIN_BYTES = 64 * BLOCK_BYTES;
/** Looking costs more than storing a file of less. */
const MIN_BYTES = BLOCK_BYTES;

/** One for all sessions that write to the same disk. */
export interface Space {
  /** Sets the bytes aside. Throws FtxError `no-space` when they are not there. */
  reserve(path: string, bytes: number): Promise<Reservation>;
}

export interface Reservation {
  /** So many of them are on the disk now. */
  use(bytes: number): void;
  /** Gives the rest back. */
  end(): void;
}

/** `readFree` gives the free bytes of the disk under a folder. */
export function createSpace(dir: string, readFree = readFreeBytes): Space {
  let promised = 0;
  return {
    async reserve(path, bytes) {
      if (bytes < MIN_BYTES) return { use: () => undefined, end: () => undefined };
      // Promised before the look, so that two who look at the same time see each other.
      promised += bytes;
      const free = (await readFree(dir).catch(() => Infinity)) - MARGIN_BYTES - (promised - bytes);
      if (free < bytes) {
        promised -= bytes;
        throw refuse(path, bytes, Math.max(0, free));
      }
      return createReservation(bytes, (given) => (promised -= given));
    },
  };
}

function createReservation(bytes: number, giveBack: (bytes: number) => void): Reservation {
  let left = bytes;
  const take = (used: number) => {
    giveBack(Math.min(left, used));
    left -= Math.min(left, used);
  };
  return { use: take, end: () => take(left) };
}

async function readFreeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}

function refuse(path: string, bytes: number, free: number): FtxError {
  const missing = `${showBytes(bytes)} is more than the ${showBytes(free)} that the receiver's disk has left`;
  return new FtxError('no-space', `${showPath(path)}: ${missing}.`);
}

/** The part file, giving back what was reserved as it is used. */
export function withReservation(part: PartFile, reservation: Reservation): PartFile {
  return {
    ...part,
    async write(block, offset) {
      await part.write(block, offset);
      reservation.use(block.length);
    },
    commit: (size) => part.commit(size).finally(() => reservation.end()),
    discard: () => part.discard().finally(() => reservation.end()),
    suspend: () => part.suspend().finally(() => reservation.end()),
  };
}
