import { describe, expect, it } from 'vitest';
import {
  countNewcomers,
  countSpareDescriptors,
  createDescriptorBudget,
  readDescriptorLimit,
} from '../../../src/storage/disk/descriptors.js';

const limitsOf = (files: string) => () => `Limit                     Soft Limit           Hard Limit           Units
Max file size             unlimited            unlimited            bytes
Max open files            ${files}                 20000                files
Max locked memory         8388608              8388608              bytes
`;

it.each([
  ['64', 64],
  ['1048576', 1048576],
  ['unlimited', Infinity],
])('reads a limit of %s', (text, limit) => {
  expect(readDescriptorLimit(limitsOf(text))).toBe(limit);
});

it('where the system does not tell, there is no limit', () => {
  expect(readDescriptorLimit(() => '')).toBe(Infinity);
});

describe('a budget', () => {
  const OWN = 24;

  it.each([64, 100, 256, 1024, 4096, 65_536, 1_048_576])(
    'of %i descriptors suffices, whatever all senders have open',
    (limit) => {
      const budget = createDescriptorBudget(1024, limit);
      const grants = Array.from({ length: budget.maxSenders }, () => budget.grantEntries(256));
      const entries = grants.reduce((sum, grant) => sum + grant.entries, 0);
      const folders = countSpareDescriptors(limit);
      const newcomers = countNewcomers(budget.maxSenders);
      const open =
        budget.maxSenders + newcomers + 4 * entries + budget.maxTurnedAway + budget.maxLingering + folders + OWN;
      expect(open).toBeLessThanOrEqual(limit);
      expect(Math.min(...grants.map((grant) => grant.entries))).toBeGreaterThanOrEqual(1);
    },
  );

  it.each([
    [64, 4, 2],
    [1024, 84, 54],
    [4096, 392, 246],
    [1_048_576, 1024, 256],
    [Infinity, 1024, 256],
  ])('of %i has room for %i senders, and for %i entries of the first', (limit, senders, entries) => {
    const budget = createDescriptorBudget(1024, limit);
    expect(budget.maxSenders).toBe(senders);
    expect(budget.grantEntries(256).entries).toBe(entries);
  });

  it('has room for as few senders as it is told', () => {
    expect(createDescriptorBudget(1, 64).maxSenders).toBe(1);
  });

  it('gets back what it granted', () => {
    const budget = createDescriptorBudget(1024, 1024);
    for (let round = 0; round < 5; round++) {
      const grants = Array.from({ length: 20 }, () => budget.grantEntries(256));
      expect(grants[0]!.entries).toBe(54);
      for (const { release } of grants) release();
    }
  });
});
