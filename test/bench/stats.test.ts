import { expect, it } from 'vitest';
import { median, orderOfRound } from './stats.js';

it('the median is the middle value, or the mean of the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

it('the median leaves its samples in their order', () => {
  const samples = [3, 1, 2];
  median(samples);
  expect(samples).toEqual([3, 1, 2]);
});

it('everybody runs once in every round', () => {
  for (let round = 0; round < 9; round++) {
    expect(orderOfRound(['a', 'b', 'c', 'd'], round).sort()).toEqual(['a', 'b', 'c', 'd']);
  }
  expect(orderOfRound([], 3)).toEqual([]);
});

it('every pair of rounds begins one contender further on, and its second round runs backwards', () => {
  const orders = [0, 1, 2, 3, 4, 5].map((round) => orderOfRound(['a', 'b', 'c'], round).join(''));
  expect(orders).toEqual(['abc', 'cba', 'bca', 'acb', 'cab', 'bac']);
});

it.each([2, 3, 4])('of %i contenders each runs before each other in half of the rounds', (count) => {
  const contenders = Array.from({ length: count }, (_, i) => i);
  const orders = Array.from({ length: 4 * count }, (_, round) => orderOfRound(contenders, round));
  for (const one of contenders) {
    for (const other of contenders.filter((contender) => contender !== one)) {
      expect(orders.filter((order) => order.indexOf(one) < order.indexOf(other))).toHaveLength(orders.length / 2);
    }
  }
});
