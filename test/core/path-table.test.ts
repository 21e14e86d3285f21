import { expect, it } from 'vitest';
import { PathTable } from '../../src/core/path-table.js';
import { measureMemory } from '../support/heap.js';

it('has the number of each path, and 0 for all others', () => {
  const table = new PathTable();
  for (let n = 0; n < 50_000; n += 1) table.set(`tree/${n}`, n % 7);
  for (let n = 0; n < 50_000; n += 3) table.set(`tree/${n}`, 2 ** 32 - 1);
  for (let n = 0; n < 50_000; n += 1) expect(table.get(`tree/${n}`)).toBe(n % 3 === 0 ? 2 ** 32 - 1 : n % 7);
  for (const other of ['', 'tree', 'tree/50000', 'tree/-1', 'Tree/1']) expect(table.get(other)).toBe(0);
});

it('takes at most 48 bytes a path, however long the paths are', () => {
  const table = new PathTable();
  const before = measureMemory();
  for (let n = 0; n < 100_000; n += 1) table.set(`${'a long folder name/'.repeat(10)}${n}`, 1);
  expect(measureMemory() - before).toBeLessThan(48 * 100_000);
  expect(table.get(`${'a long folder name/'.repeat(10)}7`)).toBe(1);
});
