/** The event by which a program that watches the receive folder learns of a new file. */
import { closeSync, constants, fstatSync, openSync, type BigIntStats } from 'node:fs';
import { setMode } from '../disk/attributes.js';
import type { Durability } from '../disk/durability.js';
import { leadsTo } from './same-content.js';

const { O_RDONLY, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
/** The permission bit that lets the owner open the file for writing. */
const OWNER_WRITES = 0o200;
/** Windows tells its watchers nothing of a file that is closed. */
const TELLS_OF_CLOSING = process.platform !== 'win32';

/** A part file that is kept open for reading. Whoever moves or removes the file, the descriptor leads to it. */
export interface KeptFile {
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
  /** What the file is now, wherever it is. Undefined if the disk does not tell: the file is stored already. */
  stats(): BigIntStats | undefined;
  close(): void;
}

/** Opens the part file at `path` for reading. `mode` is the mode that the file has in the end. A file that will be renamed has it at once. */
export function keepFile(path: string, mode: number, isRenamed: boolean): KeptFile {
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW);
  const firstMode = TELLS_OF_CLOSING && !isRenamed ? mode | OWNER_WRITES : mode;
  let isFinal = firstMode === mode;

  async function finishMode(durability: Durability): Promise<void> {
    if (isFinal) return;
    isFinal = true;
    try {
      setMode({ fd }, mode);
      await durability.descriptor(fd);
    } catch {
      // The file is stored, and at worst its owner can still write to it.
    }
  }

  return {
    firstMode,
    finishMode,
    isAt: (path) => isSame(fd, path),
    async announce(finalPath, durability) {
      const writer = TELLS_OF_CLOSING ? openSame(finalPath, fd) : undefined;
      await finishMode(durability);
      if (writer !== undefined) closeQuietly(writer);
    },
    stats: () => statQuietly(fd),
    close: () => closeQuietly(fd),
  };
}

/** Opens the file at `path` for writing. Undefined if the file behind `fd` is no longer there: a watcher may be faster than this process. */
function openSame(path: string, fd: number): number | undefined {
  try {
    const writer = openSync(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    const [own, there] = [fd, writer].map((one) => fstatSync(one, { bigint: true }));
    if (own?.ino === there?.ino && own?.dev === there?.dev) return writer;
    closeQuietly(writer);
  } catch {
    // Nobody hears of the file by this event. It is stored.
  }
  return undefined;
}

function isSame(fd: number, path: string): boolean {
  try {
    return leadsTo(path, fstatSync(fd, { bigint: true }));
  } catch {
    return false;
  }
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
