/** Writes several neighbouring blocks in one call. */
/**
 * Writes that run at the same time. The system lets only one of them into a growing file at a time; the other one is
 * ready when the first is done.
 */
const MAX_UNDER_WAY = 2;
/** The most blocks in one write. More would keep the disk no busier. */
const MAX_RUN = 4;

/** A file that is open for writing. Offsets are bytes. Both methods throw what the system throws. */
export interface WritableFile {
  readonly fd: number;
  write(bytes: Uint8Array, start: number, length: number, offset: number): Promise<{ bytesWritten: number }>;
  writev(pieces: Uint8Array[], offset: number): Promise<{ bytesWritten: number }>;
}

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

/** The caller closes `file`, after all writes. */
export function createWriteRuns(file: WritableFile): WriteRuns {
  const queue: Waiting[] = [];
  let underWay = 0;

  function startNext(): void {
    if (underWay === MAX_UNDER_WAY || queue.length === 0) return;
    underWay += 1;
    const run = queue.splice(0, countRun(queue));
    void writeRun(file, run)
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

/** Counts the blocks at the head of the queue that are neighbours in the file, up to MAX_RUN. */
function countRun(queue: readonly Waiting[]): number {
  let count = 1;
  for (let next = queue[count]; next && count < MAX_RUN; next = queue[++count]) {
    const { block, offset } = queue[count - 1] as Waiting;
    if (next.offset !== offset + block.length) break;
  }
  return count;
}

async function writeRun(file: WritableFile, run: readonly Waiting[]): Promise<void> {
  const [first] = run;
  if (!first) return;
  if (run.length === 1) return writeFully(file, first.block, first.offset);
  const { bytesWritten } = await file.writev(
    run.map(({ block }) => block),
    first.offset,
  );
  const end = first.offset + bytesWritten;
  // A full disk takes only a part of the bytes. Writing the rest then throws the reason.
  for (const { block, offset } of run)
    if (end < offset + block.length)
      await writeFully(file, block.subarray(Math.max(0, end - offset)), Math.max(end, offset));
}

/** Writes all of the block at a byte offset, in as many calls as the system needs. */
export async function writeFully(file: WritableFile, block: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < block.length;) {
    const { bytesWritten } = await file.write(block, done, block.length - done, offset + done);
    done += bytesWritten;
  }
}
