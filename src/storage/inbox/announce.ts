/** The event by which a program that watches the receive folder learns of a new file. */
import { closeSync, constants, fstatSync, lstatSync, openSync, type BigIntStats } from 'node:fs';
import { setMode, type OpenFile } from '../disk/attributes.js';
import type { Durability } from '../disk/durability.js';

const { O_RDONLY, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** The permission bit that lets the owner open the file for writing. */
const OWNER_WRITES = 0o200;
/** Windows tells its watchers nothing of a file that is closed. */
const TELLS_OF_CLOSING = process.platform !== 'win32';

/** A part file on its way to its final name. */
export interface KeptFile {
  /** Bytes. */
  readonly size: number;
  /** The mode to set before the file has its final name. With it, the owner can open the file for the event. */
  readonly firstMode: number;
  /**
   * Closes the file after writing, under its final name, and before that gives it the final mode. Nothing happens to
   * the file after that, because a watcher may move the file at once. Never fails: the file is stored already.
   */
  announce(path: string, durability: Durability): Promise<void>;
  /** Gives the file its final mode. To be called before a file is renamed, which is an event by itself. Never fails. */
  finishMode(durability: Durability): Promise<void>;
  /** Whether the path leads to the file. */
  isAt(path: string): boolean;
  /** The file after the last step; undefined if nobody can tell. `path` is where it was moved to. */
  stats(path: string): BigIntStats | undefined;
  close(): void;
}

/**
 * Prepares the open part file at `path` for its final name. `mode` is the mode that the file has in the end. A file that
 * will be renamed has it at once. Any other file that its owner may not write to is kept open for reading, because its
 * mode changes once more: wherever a watcher moves the file, the descriptor leads to it. Throws what the system throws.
 */
export function keepFile({ fd: partFd }: OpenFile, path: string, mode: number, isRenamed: boolean): KeptFile {
  const own = fstatSync(partFd, { bigint: true });
  const firstMode = TELLS_OF_CLOSING && !isRenamed ? mode | OWNER_WRITES : mode;
  const fd = firstMode === mode ? undefined : openSync(path, O_RDONLY | O_NOFOLLOW);
  let isFinal = firstMode === mode;
  let last: BigIntStats | undefined;

  async function finishMode(durability: Durability): Promise<void> {
    if (isFinal || fd === undefined) return;
    isFinal = true;
    try {
      setMode({ fd }, mode);
      await durability.descriptor(fd);
    } catch {
      // The file is stored, and at worst its owner can still write to it.
    }
  }

  return {
    size: Number(own.size),
    firstMode,
    finishMode,
    isAt: (there) => lstatSame(there, own) !== undefined,
    async announce(finalPath, durability) {
      const writer = TELLS_OF_CLOSING ? openSame(finalPath, own) : undefined;
      await finishMode(durability);
      if (!writer) return;
      last = fd === undefined ? writer.stats : statQuietly(fd);
      closeQuietly(writer.fd);
    },
    stats: (there) => last ?? (fd === undefined ? lstatSame(there, own) : statQuietly(fd)),
    close: () => fd !== undefined && closeQuietly(fd),
  };
}

/** Opens the file at `path` for writing. Undefined if it is no longer the own file: a watcher may be faster than this process. */
function openSame(path: string, own: BigIntStats): { fd: number; stats: BigIntStats } | undefined {
  try {
    const fd = openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    const stats = fstatSync(fd, { bigint: true });
    if (isSame(stats, own)) return { fd, stats };
    closeQuietly(fd);
  } catch {
    // Nobody hears of the file by this event. It is stored.
  }
  return undefined;
}

function lstatSame(path: string, own: BigIntStats): BigIntStats | undefined {
  try {
    const there = lstatSync(path, { bigint: true });
    return isSame(there, own) ? there : undefined;
  } catch {
    return undefined;
  }
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function statQuietly(fd: number): BigIntStats | undefined {
  try {
    return fstatSync(fd, { bigint: true });
  } catch {
    return undefined;
  }
}

function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Some network file systems report here a write that failed; the sync before would have failed too.
  }
}
