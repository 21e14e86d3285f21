import { describe, expect, it } from 'vitest';
import {
  countNewcomers,
  countSpareDescriptors,
  countTogether,
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
    async (limit) => {
      const budget = createDescriptorBudget(1024, limit);
      const open = { entries: 0, least: Infinity };
      for (let n = 0; n < budget.maxSenders; n++) {
        const session = budget.slots.join(`network ${n}`);
        let entries = 0;
        for (let offer = 0; offer < 256; offer++) void session.take().then(() => (entries += 1));
        await new Promise(setImmediate);
        open.entries += entries;
        open.least = Math.min(open.least, entries);
      }
      const folders = countSpareDescriptors(limit);
      const sockets =
        budget.maxSenders + countNewcomers(budget.maxSenders) + budget.maxTurnedAway + budget.maxLingering;
      expect(sockets + 4 * open.entries + folders + countTogether(limit) + OWN).toBeLessThanOrEqual(limit);
      expect(open.least).toBeGreaterThanOrEqual(1);
    },
  );

  it.each([
    [64, 4, 2],
    [1024, 72, 46],
    [4096, 340, 214],
    [1_048_576, 1024, 256],
    [Infinity, 1024, 256],
  ])('of %i has room for %i senders, and tells each of %i entries', (limit, senders, entries) => {
    const budget = createDescriptorBudget(1024, limit);
    expect(budget.maxSenders).toBe(senders);
    expect(budget.countOffers(256)).toBe(entries);
  });

  it('has room for as few senders as it is told', () => {
    expect(createDescriptorBudget(1, 64).maxSenders).toBe(1);
  });
});
