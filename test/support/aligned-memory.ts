import { createBlockPool } from '../../src/session/receive/block-pool.js';

const { bytes } = createBlockPool(1).take()!;

/** A copy in page-aligned memory, good until the next call. */
export function toAlignedMemory(block: Uint8Array): Uint8Array {
  bytes.set(block);
  return bytes.subarray(0, block.length);
}
