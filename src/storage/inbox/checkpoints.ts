/** Records from time to time which blocks of a part file are durable, so that a later session can go on from there. */
import type { BlockJournal } from '../disk/block-journal.js';
import type { DiskPart } from './part-file.js';

/** A crash costs at most this many blocks, or those of this time, whichever comes first. Each checkpoint waits for the disk. */
const CHECKPOINT_BLOCKS = 32;
const CHECKPOINT_MS = 1_000;

export interface Checkpoints {
  note(block: number, digest: bigint): void;
  /** To be called before a block is written over: a crash in between must not leave the old digest with new bytes. */
  forget(block: number): Promise<void>;
  /** Notes no more, and waits for what is under way. */
  stop(): Promise<void>;
  /** Makes everything noted durable. Whether there is anything to keep. */
  finish(): Promise<boolean>;
}

/** Blocks first, then the record: the journal is never ahead of the part file, whatever happens to either. */
export function createCheckpoints(part: DiskPart, journal: BlockJournal): Checkpoints {
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
    await part.sync();
    await journal.append(batch);
    for (const [block] of batch) recorded.add(block);
    await journal.sync();
  }

  function start(): void {
    isRunning = true;
    running = checkpoint()
      // A journal that cannot be written costs the later session its head start, not this one its file.
      .catch(() => void (broken = true))
      .finally(() => (isRunning = false));
  }

  return {
    note(block, digest) {
      noted.push([block, digest]);
      if (isRunning || broken) return;
      if (noted.length >= CHECKPOINT_BLOCKS || performance.now() - last >= CHECKPOINT_MS) start();
    },
    async forget(block) {
      if (!recorded.delete(block)) return;
      await running;
      await journal.forget(block);
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
      return recorded.has(0);
    },
  };
}
