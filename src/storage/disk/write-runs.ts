/** Several blocks in one write. */
import type { FileHandle } from 'node:fs/promises';

/**
 * Writes under way at a time. The system lets only one of them into a growing
 * file; the other is there when that one leaves.
 */
const MAX_UNDER_WAY = 2;
/** Blocks in one write: more keep the disk no busier. */
const MAX_RUN = 4;

export interface WriteRuns {
  /** Writes all of the block at a byte offset, together with its neighbours if it has to wait for its turn. */
  write(block: Uint8Array, offset: number): Promise<void>;
}

interface Waiting {
  readonly block: Uint8Array;
  readonly offset: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** `handle` stays the caller's, who closes it when all writes are over. */
export function createWriteRuns(handle: FileHandle): WriteRuns {
  const queue: Waiting[] = [];
  let underWay = 0;

  function startNext(): void {
    if (underWay === MAX_UNDER_WAY || queue.length === 0) return;
    underWay += 1;
    const run = queue.splice(0, countRun(queue));
    void writeRun(handle, run)
      .then(
        () => run.forEach(({ resolve }) => resolve()),
        (error: unknown) => run.forEach(({ reject }) => reject(error)),
      )
      .finally(() => {
        underWay -= 1;
        startNext();
      });
  }

  return {
    write: (block, offset) =>
      new Promise((resolve, reject) => {
        queue.push({ block, offset, resolve, reject });
        startNext();
      }),
  };
}

/** How many of the first are neighbours in the file. */
function countRun(queue: readonly Waiting[]): number {
  let count = 1;
  for (let next = queue[count]; next && count < MAX_RUN; next = queue[++count]) {
    const { block, offset } = queue[count - 1] as Waiting;
    if (next.offset !== offset + block.length) break;
  }
  return count;
}

async function writeRun(handle: FileHandle, run: readonly Waiting[]): Promise<void> {
  const [first] = run;
  if (!first) return;
  if (run.length === 1) return writeFully(handle, first.block, first.offset);
  const { bytesWritten } = await handle.writev(
    run.map(({ block }) => block),
    first.offset,
  );
  const end = first.offset + bytesWritten;
  // A full disk takes less than all; what is wrong shows when the rest is written.
  for (const { block, offset } of run)
    if (end < offset + block.length)
      await writeFully(handle, block.subarray(Math.max(0, end - offset)), Math.max(end, offset));
}

export async function writeFully(handle: FileHandle, block: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < block.length;) {
    const { bytesWritten } = await handle.write(block, done, block.length - done, offset + done);
    done += bytesWritten;
  }
}
