/** Decides between writing past the page cache and through it. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { errnoOf } from '../../core/errors.js';
import { createWriteRuns, writeFully, type WritableFile, type WriteRuns } from './write-runs.js';

/** On every common disk, O_DIRECT wants offset, length and memory to be multiples of this. */
const ALIGNMENT_BYTES = 4096;
/** Smaller writes are faster through the page cache, because each direct write waits for the disk. */
const MIN_DIRECT_BYTES = 256 * 1024;
/** Undefined on a system without O_DIRECT. */
const O_DIRECT = (constants as { O_DIRECT?: number }).O_DIRECT;

export interface BlockWriter {
  /** Writes all of the block at a byte offset. */
  write(block: Uint8Array, offset: number): Promise<void>;
  /** Closes the descriptor that the writer has opened itself. Never fails. */
  close(): Promise<void>;
}

interface Direct {
  readonly handle: FileHandle;
  readonly runs: WriteRuns;
}

/**
 * Writes large aligned blocks straight to the disk. This costs a third of the CPU, and leaves next to nothing for fsync
 * to do. It needs page-aligned memory, such as slices of a WebAssembly.Memory. All other blocks go through `file` and
 * the page cache, and so do all blocks where the file system refuses O_DIRECT. The caller closes `file`.
 */
export function createBlockWriter(file: WritableFile): BlockWriter {
  let opening: Promise<Direct | undefined> | undefined;
  let refused = false;

  async function writeDirectly(block: Uint8Array, offset: number): Promise<boolean> {
    const direct = await (opening ??= openDirect(file));
    if (!direct || refused) return false;
    try {
      await direct.runs.write(block, offset);
      return true;
    } catch (error) {
      // Some file systems accept O_DIRECT when the file is opened, and refuse the write.
      if (errnoOf(error) !== 'EINVAL') throw error;
      refused = true;
      return false;
    }
  }

  return {
    async write(block, offset) {
      if (!refused && isAligned(block, offset) && (await writeDirectly(block, offset))) return;
      await writeFully(file, block, offset);
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

/** Opens the file once more for direct writes. It is opened by its descriptor, because its name may lead to another file by now. */
async function openDirect({ fd }: WritableFile): Promise<Direct | undefined> {
  if (O_DIRECT === undefined) return undefined;
  const handle = await open(`/proc/self/fd/${fd}`, constants.O_WRONLY | O_DIRECT).catch(() => undefined);
  return handle && { handle, runs: createWriteRuns(handle) };
}
