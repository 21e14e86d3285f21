import { expect, test } from 'vitest';
import { median, orderOfRound } from './stats.js';

test('the median is the middle value, or the mean of the two in the middle', () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

test('the median leaves its samples in their order', () => {
  const samples = [3, 1, 2];
  median(samples);
  expect(samples).toEqual([3, 1, 2]);
});

test('everybody runs once in every round', () => {
  for (let round = 0; round < 9; round++) {
    expect(orderOfRound(['a', 'b', 'c', 'd'], round).sort()).toEqual(['a', 'b', 'c', 'd']);
  }
  expect(orderOfRound([], 3)).toEqual([]);
});

test('everybody runs first once, and not always after the same one', () => {
  const tools = ['a', 'b', 'c', 'd', 'e'];
  const orders = tools.map((_, round) => orderOfRound(tools, round));
  expect(orders.map((order) => order.join(''))).toEqual(['abcde', 'dcbae', 'cdeab', 'baedc', 'eabcd']);
});
