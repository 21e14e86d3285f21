/** Decides between writing past the page cache and through it. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { errnoOf } from '../../core/errors.js';
import { createWriteRuns, writeFully, type WriteRuns } from './write-runs.js';

/** What O_DIRECT asks of offset, length and memory on every common disk. */
const ALIGNMENT_BYTES = 4096;
/** Below this the page cache is faster: each direct write waits for the disk. */
const MIN_DIRECT_BYTES = 256 * 1024;
/** Absent where the system has no such thing. */
const O_DIRECT = (constants as { O_DIRECT?: number }).O_DIRECT;

export interface BlockWriter {
  /** Writes all of the block at a byte offset. */
  write(block: Uint8Array, offset: number): Promise<void>;
  /** Closes what it opened itself; never fails. */
  close(): Promise<void>;
}

interface Direct {
  readonly handle: FileHandle;
  readonly runs: WriteRuns;
}

/**
 * Writes large aligned blocks straight to the disk, which costs a third of the
 * CPU and leaves next to nothing for fsync to do; everything else, and all of
 * it where the file system refuses O_DIRECT, through `handle`, which stays the
 * caller's. Memory must be page-aligned for it, as slices of a
 * WebAssembly.Memory are; other memory is written through the page cache.
 */
export function createBlockWriter(handle: FileHandle): BlockWriter {
  let opening: Promise<Direct | undefined> | undefined;
  let refused = false;

  async function writeDirectly(block: Uint8Array, offset: number): Promise<boolean> {
    const direct = await (opening ??= openDirect(handle));
    if (!direct || refused) return false;
    try {
      await direct.runs.write(block, offset);
      return true;
    } catch (error) {
      // Some file systems take the flag and refuse the write.
      if (errnoOf(error) !== 'EINVAL') throw error;
      refused = true;
      return false;
    }
  }

  return {
    async write(block, offset) {
      if (!refused && isAligned(block, offset) && (await writeDirectly(block, offset))) return;
      await writeFully(handle, block, offset);
    },
    async close() {
      const direct = await opening;
      await direct?.handle.close().catch(() => undefined);
    },
  };
}

function isAligned({ byteOffset, length }: Uint8Array, offset: number): boolean {
  if (length < MIN_DIRECT_BYTES) return false;
  return [byteOffset, length, offset].every((number) => number % ALIGNMENT_BYTES === 0);
}

/** The same file once more, by its descriptor: its name may stand for another one by now. */
async function openDirect({ fd }: FileHandle): Promise<Direct | undefined> {
  if (O_DIRECT === undefined) return undefined;
  const handle = await open(`/proc/self/fd/${fd}`, constants.O_WRONLY | O_DIRECT).catch(() => undefined);
  return handle && { handle, runs: createWriteRuns(handle) };
}
