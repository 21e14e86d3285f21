/**
 * The free space of the disks below the receive folder, reserved for running transfers before their first byte. Each disk
 * has an account of its own. A sender that only announces a file keeps no room from others.
 */
import { BLOCK_BYTES } from '../../core/entry.js';
import { readDisk } from '../disk/disk-figures.js';
import type { Ground } from '../disk/held-folder.js';
import { DiskAccount, type Promised } from './disk-account.js';
import { createOpenEntry, createPromised, createReservation, type Reservation } from './reservation.js';
import { fullError, noFilesError, noSpaceError } from './room-errors.js';
import type { YieldedRoom, YieldingParts } from './yielding-parts.js';

/** Smaller files reserve nothing, because their bytes are there in a moment. Each write of theirs is judged. */
const MIN_RESERVED_BYTES = BLOCK_BYTES;

const NOTHING: YieldedRoom = { bytes: 0, files: 0 };

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
  /**
   * Takes the room of entries of so many bytes each; a folder or link has 0. `path` is that of the first one. Throws
   * FtxError `no-space`. Call what it returns with the bytes of those that were made, once they are or could not be.
   */
  takeEntries(path: string, sizes: readonly number[]): Promise<(made: readonly number[]) => void>;
  /**
   * Resolves with what the sender may still reserve; Infinity where the system does not tell. If that is less than
   * `wanted`, it is what the system says now, and parts that would give way count as free, but for the stems `except`.
   */
  left(wanted: Wanted, except?: ReadonlySet<string>): Promise<Left>;
}

export interface Wanted {
  readonly bytes: number;
  readonly files: number;
}

export interface Left extends Wanted {
  /** Bytes that are free and are to stay free. */
  readonly keptBytes: number;
}

/** What a sender asks for. */
interface Asked {
  /** Bytes of each entry. */
  readonly sizes: readonly number[];
  /** Whether nobody knows how much more comes. */
  readonly isOpen?: boolean;
  /** Whether all of it comes at once. */
  readonly isComing?: boolean;
}

/** `read` gives the figures of the disk under a folder. `parts`: what gives way on all disks. */
export function createSpace(read = readDisk, parts?: YieldingParts): Space {
  const accounts = new Map<string, DiskAccount>();
  return {
    join() {
      const disks = new Map<string, SenderDisk>();
      return {
        at(ground) {
          const account = accounts.get(ground.device) ?? new DiskAccount(ground, read, parts);
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

/** What is left of the disk for a sender to whom `own` is promised. */
function createShare(account: DiskAccount, own: Promised) {
  const { all } = account;
  const restBytes = () => account.spareBytes() - all.claimed + own.claimed - own.left;
  const isShort = ({ bytes, files }: Wanted) => restBytes() < bytes || account.spareFiles() < files;
  return {
    isShort,
    /** What is left together with what would give way. */
    sumUp(more: YieldedRoom): Left {
      const files = Math.max(0, account.spareFiles() + more.files);
      return { bytes: Math.max(0, restBytes() + more.bytes), files, keptBytes: account.figures.keptBytes };
    },
    /** Asks the system anew. Resolves with what would give way if there is still less left than `wanted`. */
    async lookFor(wanted: Wanted, except?: ReadonlySet<string>): Promise<YieldedRoom> {
      await account.look();
      return isShort(wanted) ? account.yielded(except) : NOTHING;
    },
    /** Has parts give way to one entry as far as it needs their inodes, or `isComing`, their bytes. Resolves as lookFor(). */
    async makeWay(wanted: Wanted, isComing: boolean): Promise<YieldedRoom> {
      const files = () => (account.spareFiles() < wanted.files ? 1 : 0);
      const missing = () => Math.max(files(), isComing ? wanted.bytes - restBytes() : 0);
      if (missing() > 0) await account.makeRoom(missing);
      return isShort(wanted) ? account.yielded() : NOTHING;
    },
  };
}

function createSenderDisk(account: DiskAccount): SenderDisk {
  const { all } = account;
  const own: Promised = { left: 0, claimed: 0 };
  const share = createShare(account, own);

  /**
   * Grants more entries if there is room for them, by the running figure or by the next look. Of two that want the last
   * room, one gets it.
   */
  async function ask<T>(path: string, asked: Asked, grant: () => T): Promise<T> {
    const first = account.renew();
    if (first) await first;
    const { sizes, isComing = false } = asked;
    const wanted = { bytes: costOf(sizes), files: sizes.length };
    let more = share.isShort(wanted) ? await share.lookFor(wanted) : NOTHING;
    if (more.files > 0) more = await share.makeWay(wanted, isComing);
    const left = share.sumUp(more);
    if (left.files < wanted.files) throw noFilesError(path, account.figures.keptFiles);
    if (left.bytes >= wanted.bytes) return grant();
    throw asked.isOpen ? fullError(path, left.keptBytes) : noSpaceError(path, wanted.bytes, left.bytes, left.keptBytes);
  }

  function costOf(sizes: readonly number[]): number {
    return sizes.reduce((sum, bytes) => sum + account.cost(bytes), 0);
  }

  return {
    cost: (bytes) => account.cost(bytes),
    async reserve(path, bytes) {
      const asked = { sizes: [bytes ?? 0], isOpen: bytes === null };
      if (bytes === null || bytes < MIN_RESERVED_BYTES) return ask(path, asked, () => createOpenEntry(account, path));
      await account.freshen();
      return ask(path, asked, () => createReservation(account, path, createPromised([all, own], account.cost(bytes))));
    },
    takeEntries: (path, sizes) =>
      ask(path, { sizes, isComing: true }, () => {
        const cost = costOf(sizes);
        account.begin(cost, sizes.length);
        return (made) => {
          const arrived = costOf(made);
          account.arrive(arrived, made.length);
          account.begin(arrived - cost, made.length - sizes.length);
        };
      }),
    async left(wanted, except) {
      await account.freshen();
      return share.sumUp(share.isShort(wanted) ? await share.lookFor(wanted, except) : NOTHING);
    },
  };
}
