/** Records from time to time which blocks of a part file are durable, so that a later session can go on from there. */
import { BLOCK_BYTES } from '../../core/entry.js';
import type { BlockJournal } from '../disk/block-journal.js';
import type { DiskPart } from './part-file.js';

/** Confirmed blocks after which a checkpoint starts. A crash costs the blocks since the last checkpoint, but each checkpoint waits for the disk. */
const CHECKPOINT_BLOCKS = 32;
/** Milliseconds after which the next confirmed block starts a checkpoint, however few blocks there are. */
const CHECKPOINT_MS = 1_000;

export interface Checkpoints {
  /** Notes that a block has been written whole and has this digest. Starts a checkpoint when one is due. */
  note(block: number, digest: bigint): void;
  /**
   * Runs `write`, which writes to these bytes, once no block of them is in the record: a crash must not leave the old
   * digest with new bytes. Where none is, as nearly always, it runs at once and in the order of the calls.
   */
  writing(offset: number, length: number, write: () => Promise<void>): Promise<void>;
  /** Starts no more checkpoints, and waits for the one that is running. Never fails. */
  stop(): Promise<void>;
  /** Records everything that was noted. Never fails. */
  finish(): Promise<void>;
  /** Bytes of a file of `size` bytes that are in the record from block 0 on, without a gap: a later session does not ask for them. */
  kept(size: number | null): number;
}

/**
 * Each checkpoint syncs the part file before it writes the journal, so that the journal holds no block that is not
 * durable. `isOurs` tells whether the part file still belongs to this session; without that nothing is recorded.
 */
export function createCheckpoints(part: DiskPart, journal: BlockJournal, isOurs: () => Promise<boolean>): Checkpoints {
  const recorded = new Set(journal.known.keys());
  let noted: [number, bigint][] = [];
  let last = performance.now();
  let running: Promise<void> = Promise.resolve();
  let isRunning = false;
  let broken = false;

  async function checkpoint(): Promise<void> {
    const batch = noted;
    noted = [];
    last = performance.now();
    if (batch.length === 0 || broken) return;
    broken = !(await isOurs());
    if (broken) return;
    await part.sync();
    await journal.append(batch);
    for (const [block] of batch) recorded.add(block);
    await journal.sync();
  }

  function start(): void {
    isRunning = true;
    running = checkpoint()
      // Without its journal, a later session resumes less. This session can still store its file.
      .catch(() => void (broken = true))
      .finally(() => (isRunning = false));
  }

  return {
    note(block, digest) {
      // A block that is recorded and was not written over has only been read again.
      if (recorded.has(block)) return;
      noted.push([block, digest]);
      if (isRunning || broken) return;
      if (noted.length >= CHECKPOINT_BLOCKS || performance.now() - last >= CHECKPOINT_MS) start();
    },
    writing(offset, length, write) {
      const forgotten = findBlocks(offset, length).filter((block) => recorded.delete(block));
      if (forgotten.length === 0) return write();
      return running.then(() => journal.forget(forgotten)).then(write);
    },
    async stop() {
      noted = [];
      broken = true;
      await running;
    },
    async finish() {
      await running;
      start();
      await running;
    },
    kept: (size) => Math.min(countFromFirst(recorded) * BLOCK_BYTES, size ?? Infinity),
  };
}

function countFromFirst(blocks: ReadonlySet<number>): number {
  let count = 0;
  while (blocks.has(count)) count += 1;
  return count;
}

/** The numbers of the blocks that these bytes are in. */
function findBlocks(offset: number, length: number): number[] {
  const first = Math.floor(offset / BLOCK_BYTES);
  return Array.from({ length: Math.ceil((offset + length) / BLOCK_BYTES) - first }, (_, at) => first + at);
}
