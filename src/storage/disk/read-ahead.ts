/** Reads one block ahead of the consumer. */

/** The number of buffers that are used in turn: for the block being read, the consumer's block, and the block before, which may still be on its way out. */
export const RING = 3;

/** Reads the block of this number, counted from 0. Resolves with undefined after the last block. */
export type ReadBlock = (number: number) => Promise<Uint8Array | undefined>;

/**
 * Yields the blocks in order, and reads the next one while the consumer has the current one. `readBlock` uses RING
 * buffers in turn. `cancel` makes a read that is under way settle when the consumer leaves early.
 */
export async function* readAhead(
  readBlock: ReadBlock,
  cancel?: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let next = readBlock(0);
  try {
    for (let number = 1; ; number++) {
      const block = await next;
      if (block === undefined) return;
      next = readBlock(number);
      // The next round awaits the read. If it fails before that, it is no unhandled rejection.
      next.catch(() => undefined);
      yield block;
    }
  } finally {
    cancel?.();
    await next.catch(() => undefined);
  }
}
