/** The room of one file on its way to a disk: promised before its first byte, or taken with each write. */
import { FtxError } from '../../core/errors.js';
import type { PartFile, Placed } from '../../core/sink.js';
import type { DiskAccount, Promised } from './disk-account.js';
import { fullError, restError } from './room-errors.js';

/** A sender claims at most this many times the bytes that it has brought. An announcement costs nothing, and bytes do. */
const CLAIM_FACTOR = 32;

export interface Reservation {
  /** Call it before `bytes` more are written. Returns nothing if there is room at once. Throws FtxError `no-space` when there is none any more. */
  take(bytes: number): Promise<void> | undefined;
  /** Call it after each take(), when the bytes are written or could not be. */
  settle(bytes: number): void;
  /** Releases what was not written. */
  release(): void;
}

/** The inode of an offered file: on its way until the file is made. */
function createInode(account: DiskAccount) {
  let isOpen = true;
  account.begin(0, 1);
  const end = (work: () => void): void => {
    if (isOpen) work();
    isOpen = false;
  };
  return { make: () => end(() => account.arrive(0, 1)), release: () => end(() => account.begin(0, -1)) };
}

/** A file of which nothing is reserved. Each write is judged when it comes. */
export function createOpenEntry(account: DiskAccount, path: string): Reservation {
  const inode = createInode(account);
  const hasRoom = () => account.spareBytes() >= account.all.claimed;

  async function askAgain(): Promise<void> {
    await account.look();
    if (!hasRoom() && !(await account.makeRoom(() => account.all.claimed - account.spareBytes())))
      throw fullError(path, account.figures.keptBytes);
  }

  return {
    take(bytes) {
      inode.make();
      account.begin(account.cost(bytes), 0);
      void account.renew();
      return hasRoom() ? undefined : askAgain();
    },
    settle: (bytes) => account.arrive(account.cost(bytes), 0),
    release: () => inode.release(),
  };
}

/** Claims more of the missing bytes, the more have come. Until all are claimed, other senders may claim the room before. */
export function createReservation(account: DiskAccount, path: string, promised: PromisedOnce): Reservation {
  const inode = createInode(account);
  let used = 0;
  let isAsking = false;
  const due = (factor = CLAIM_FACTOR) => Math.min(promised.left, used * factor);
  const missing = () => due() - (account.spareBytes() - (account.all.claimed - promised.claimed));
  const claim = () => promised.set(promised.left, due());

  async function askAgain(): Promise<void> {
    isAsking = true;
    try {
      await account.look();
      if (missing() > 0 && !(await account.makeRoom(missing))) throw restError(path, account.figures.keptBytes);
      claim();
    } finally {
      isAsking = false;
    }
  }

  return {
    take(bytes) {
      inode.make();
      used += bytes;
      // A file may be less sparse than its offer says: beyond what was promised, each write is judged.
      const isBeyond = bytes > promised.left;
      promised.set(Math.max(0, promised.left - bytes), Math.max(0, promised.claimed - bytes));
      account.begin(bytes, 0);
      void account.renew();
      // Not every block makes a claim: what is claimed in full is not asked for again.
      if (!isBeyond && (isAsking || promised.claimed >= due(CLAIM_FACTOR / 2))) return undefined;
      if (missing() > 0) return askAgain();
      claim();
      return undefined;
    },
    settle: (bytes) => account.arrive(bytes, 0),
    release() {
      inode.release();
      promised.set(0, 0);
    },
  };
}

interface PromisedOnce extends Readonly<Promised> {
  set(left: number, claimed: number): void;
}

/** An amount that is part of several sums. A change of the amount changes the sums. */
export function createPromised(sums: readonly Promised[], bytes: number): PromisedOnce {
  const now: Promised = { left: 0, claimed: 0 };
  const promised = {
    get left() {
      return now.left;
    },
    get claimed() {
      return now.claimed;
    },
    set(left: number, claimed: number) {
      for (const sum of sums) {
        sum.left += left - now.left;
        sum.claimed += claimed - now.claimed;
      }
      Object.assign(now, { left, claimed });
    },
  };
  promised.set(bytes, 0);
  return promised;
}

/**
 * The part file. Each write takes some of the reservation, and the end releases the rest. `isKnown`: the sender is known.
 * Zeros of it take no room, and what has arrived may be kept although there is no room for the rest.
 */
export function withReservation(part: PartFile, reservation: Reservation, isKnown: boolean): PartFile {
  let isFull = false;
  let isTold = false;

  async function take(bytes: number, write: () => Promise<void>): Promise<void> {
    isTold = true;
    try {
      const asked = reservation.take(bytes);
      if (asked) await asked;
      await write();
    } catch (error) {
      isFull ||= error instanceof FtxError && error.code === 'no-space';
      throw error;
    } finally {
      reservation.settle(bytes);
    }
  }

  async function suspend(): Promise<number> {
    if (isKnown || !isFull) return part.suspend(isFull);
    await part.discard();
    return 0;
  }

  async function commit(size: number): Promise<Placed> {
    // A file that is empty, or of zeros, takes room too, and no write has told so.
    if (isTold) return part.commit(size);
    try {
      await reservation.take(0);
      return await part.commit(size);
    } finally {
      reservation.settle(0);
    }
  }

  return {
    ...part,
    write: (block, offset) => take(block.length, () => part.write(block, offset)),
    ...(!isKnown && { writeZeros: (length, offset) => take(length, () => part.writeZeros(length, offset)) }),
    commit: (size) => commit(size).finally(() => reservation.release()),
    discard: () => part.discard().finally(() => reservation.release()),
    suspend: () => suspend().finally(() => reservation.release()),
  };
}
