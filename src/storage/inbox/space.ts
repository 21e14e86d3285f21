/**
 * The free space of the disks below the receive folder, reserved for running transfers before their first byte. Each disk
 * has an account of its own. A sender that only announces a file keeps no room from others.
 */
import { BLOCK_BYTES } from '../../core/entry.js';
import { readDisk } from '../disk/disk-figures.js';
import type { Ground } from '../disk/held-folder.js';
import { DiskAccount, type Promised } from './disk-account.js';
import { createOpenEntry, createPromised, createReservation, type Reservation } from './reservation.js';
import { noFilesError, noSpaceError } from './room-errors.js';

/** Smaller files reserve nothing, because their bytes are there in a moment. Each write of theirs is judged. */
const MIN_RESERVED_BYTES = BLOCK_BYTES;

/** The free space of all disks. All sessions that write to them share it. */
export interface Space {
  /** Returns the space as one sender gets it. */
  join(): SenderSpace;
}

export interface SenderSpace {
  /** The disk of a folder, as the sender gets it. */
  at(ground: Ground): SenderDisk;
}

export interface SenderDisk {
  /** Bytes that an entry of so many bytes takes of the disk. */
  readonly cost: (bytes: number) => number;
  /** Reserves room for the file at `path` of `bytes`; null if nobody knows how many. Throws FtxError `no-space` when there is not enough. */
  reserve(path: string, bytes: number | null): Promise<Reservation>;
  /** Takes the room of a folder or link. Throws FtxError `no-space`. */
  takeEntry(path: string): Promise<void>;
  /** Resolves with what the sender may still reserve; Infinity where the system does not tell. Less than `wanted` is what the system says now. */
  left(wanted: Wanted): Promise<Left>;
}

export interface Wanted {
  readonly bytes: number;
  readonly files: number;
}

export interface Left extends Wanted {
  /** Bytes that are free and are to stay free. */
  readonly keptBytes: number;
}

/** `read` gives the figures of the disk under a folder. */
export function createSpace(read = readDisk): Space {
  const accounts = new Map<string, DiskAccount>();
  return {
    join() {
      const disks = new Map<string, SenderDisk>();
      return {
        at(ground) {
          const account = accounts.get(ground.device) ?? new DiskAccount(ground, read);
          account.ground = ground;
          accounts.set(ground.device, account);
          const disk = disks.get(ground.device) ?? createSenderDisk(account);
          disks.set(ground.device, disk);
          return disk;
        },
      };
    },
  };
}

function createSenderDisk(account: DiskAccount): SenderDisk {
  const { all } = account;
  const own: Promised = { left: 0, claimed: 0 };
  const leftBytes = () => Math.max(0, account.spareBytes() - all.claimed + own.claimed - own.left);

  /**
   * Grants one more entry of so many bytes if there is room for it, by the running figure or by the next look. Of two that
   * want the last room, one gets it.
   */
  async function ask<T>(path: string, bytes: number, grant: () => T): Promise<T> {
    const first = account.renew();
    if (first) await first;
    if (leftBytes() < account.cost(bytes) || account.spareFiles() < 1) await account.look();
    const { keptBytes, keptFiles } = account.figures;
    if (account.spareFiles() < 1) throw noFilesError(path, keptFiles);
    if (leftBytes() < account.cost(bytes)) throw noSpaceError(path, account.cost(bytes), leftBytes(), keptBytes);
    return grant();
  }

  return {
    cost: (bytes) => account.cost(bytes),
    async reserve(path, bytes) {
      if (bytes === null || bytes < MIN_RESERVED_BYTES)
        return ask(path, bytes ?? 0, () => createOpenEntry(account, path));
      await account.freshen();
      return ask(path, bytes, () => createReservation(account, path, createPromised([all, own], account.cost(bytes))));
    },
    takeEntry: (path) =>
      ask(path, 0, () => {
        account.begin(account.cost(0), 1);
        account.arrive(account.cost(0), 1);
      }),
    async left(wanted) {
      await account.freshen();
      if (leftBytes() < wanted.bytes || account.spareFiles() < wanted.files) await account.look();
      const { keptBytes } = account.figures;
      return { bytes: leftBytes(), files: Math.max(0, account.spareFiles()), keptBytes };
    },
  };
}
