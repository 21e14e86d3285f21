/** Buffers to use in turn: for the block being read, the consumer's, and the one before that, which may still be sent. */
export const RING = 3;

/** Fills a buffer for the block of this number, counted from 0; undefined after the last. */
export type ReadBlock = (number: number) => Promise<Uint8Array | undefined>;

/**
 * The blocks in order, the next one being read while the consumer has the
 * current one: `readBlock` uses RING buffers in turn. `cancel` makes a read that is under way settle when the consumer
 * leaves early.
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
      // It is awaited in the next round; a failure before that is not an unhandled one.
      next.catch(() => undefined);
      yield block;
    }
  } finally {
    cancel?.();
    await next.catch(() => undefined);
  }
}
