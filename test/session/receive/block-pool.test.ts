import { expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import { createBlockPool } from '../../../src/session/receive/block-pool.js';

it('lends each of its blocks to one at a time, and never more than it has', () => {
  const pool = createBlockPool(2);
  const [first, second] = [pool.take()!, pool.take()!];
  expect(pool.take()).toBeUndefined();
  first.bytes.fill(1);
  second.bytes.fill(2);
  expect(first.bytes.every((byte) => byte === 1)).toBe(true);
  second.release();
  expect(pool.take()?.bytes).toBe(second.bytes);
});

it('lends the block that was given back last, page-aligned and of 1 MiB', () => {
  const pool = createBlockPool(8);
  for (let time = 0; time < 20; time++) {
    const lease = pool.take()!;
    expect(lease.bytes.length).toBe(BLOCK_BYTES);
    expect(lease.bytes.byteOffset % 4096).toBe(0);
    expect(lease.bytes.byteOffset).toBe(7 * BLOCK_BYTES);
    lease.release();
  }
});
