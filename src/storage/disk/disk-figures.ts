/** What a disk tells of its room: bytes and inodes, and how it counts them. */
import { lstatSync, type StatsFs } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import type { Ground } from './held-folder.js';

const MIB = 1024 * 1024;
/** The least that a file, a folder or a link counts, in bytes: what most disks take for one, even if it is empty. */
export const MIN_BLOCK_BYTES = 4096;
/** File systems that tell a larger block are those of a network: it is how much they like to read at a time. */
const MAX_BLOCK_BYTES = 128 * 1024;
/** Bytes of a disk that stay free, for other programs; of a disk that is no larger, a share of it. */
const KEPT_BYTES = 64 * MIB;
/** Inodes that stay free, of a disk that has enough of them. */
const KEPT_FILES = 1024;
const KEPT_SHARE = 16;
/** The unit in which the system counts the blocks of a file, whatever the disk's own is. */
export const STAT_BLOCK_BYTES = 512;

export interface DiskFigures {
  /** Bytes that are free; Infinity where the system does not tell. */
  readonly freeBytes: number;
  /** Files, folders and links that there are inodes for; Infinity where the system does not tell, or has no limit. */
  readonly freeFiles: number;
  /** How many of the free bytes, and inodes, are to stay free. */
  readonly keptBytes: number;
  readonly keptFiles: number;
  /** What a file takes is a multiple of this, in bytes. */
  readonly blockBytes: number;
}

/** What statfs tells. */
export type DiskStats = Pick<StatsFs, 'blocks' | 'bavail' | 'bsize' | 'files' | 'ffree'>;

/** Reads the figures of the disk. Throws what the system throws, and when another disk is there by now. */
export async function readDisk({ device, way }: Ground): Promise<DiskFigures> {
  const path = [way.root, ...way.components].join('/');
  const { dev } = await stat(path, { bigint: true });
  if (dev.toString() !== device) throw new Error('the folder is on another disk by now');
  return toFigures(await statfs(path));
}

/** A disk may fill its figures with zeros or with ones: then they tell nothing. */
export function toFigures({ blocks, bavail, bsize, files, ffree }: DiskStats): DiskFigures {
  const total = blocks * bsize;
  const isKnown = isCount(bavail, blocks) && bsize > 0 && Number.isSafeInteger(total);
  const hasInodes = isCount(ffree, files);
  return {
    freeBytes: isKnown ? bavail * bsize : Infinity,
    freeFiles: hasInodes ? ffree : Infinity,
    keptBytes: !isKnown ? 0 : total > KEPT_BYTES ? KEPT_BYTES : Math.floor(total / KEPT_SHARE),
    keptFiles: hasInodes ? Math.min(KEPT_FILES, Math.floor(files / KEPT_SHARE)) : 0,
    blockBytes: isKnown && bsize > MIN_BLOCK_BYTES && bsize <= MAX_BLOCK_BYTES ? bsize : MIN_BLOCK_BYTES,
  };
}

function isCount(free: number, all: number): boolean {
  return all > 0 && Number.isSafeInteger(all) && free >= 0 && free <= all;
}

/** Bytes that a disk takes for an entry of so many bytes: whole blocks, and at least one. */
export function roundUp(bytes: number, blockBytes = MIN_BLOCK_BYTES): number {
  return Math.max(1, Math.ceil(bytes / blockBytes)) * blockBytes;
}

/** What an entry takes: the blocks that the disk has given it, and never nothing, because it has an inode. */
export function measureOnDisk(path: string): number {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats) return 0;
    // Some file systems tell no blocks at all.
    const bytes = stats.blocks > 0 || !stats.isFile() ? stats.blocks * STAT_BLOCK_BYTES : stats.size;
    return Math.max(MIN_BLOCK_BYTES, bytes);
  } catch {
    return 0;
  }
}
