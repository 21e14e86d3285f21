import { expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../src/ports.js';
import { createBlockPool } from '../../src/session/block-pool.js';

it('makes no more blocks than it may, and hands them on in turn', async () => {
  const pool = createBlockPool(2);
  const [first, second] = [await pool.acquire(BLOCK_BYTES), await pool.acquire(BLOCK_BYTES - 1)];
  const got: string[] = [];
  const third = pool.acquire(BLOCK_BYTES).then((lease) => (got.push('third'), lease));
  const fourth = pool.acquire(BLOCK_BYTES).then((lease) => (got.push('fourth'), lease));
  await pool.acquire(1);
  expect(got).toEqual([]);
  second.release();
  expect((await third).bytes.buffer).toBe(second.bytes.buffer);
  first.release();
  expect((await fourth).bytes.buffer).toBe(first.bytes.buffer);
  expect(got).toEqual(['third', 'fourth']);
});

it('gives memory of the length that was asked for', async () => {
  const pool = createBlockPool(1);
  for (const length of [1, 64 * 1024, 64 * 1024 + 1, BLOCK_BYTES]) {
    const lease = await pool.acquire(length);
    expect(lease.bytes.length).toBe(length);
    lease.release();
  }
});
