import { describe, expect, it } from 'vitest';
import {
  formatCount,
  formatRate,
  formatSeconds,
  formatTimeLeft,
  formatTransfer,
} from '../../../src/cli/screen/format.js';
import fc from 'fast-check';

const MIB = 1024 ** 2;

it.each([
  [0, '0 B/s'],
  [850 * 1024, '850 KiB/s'],
  [4 * MIB, '4 MiB/s'],
  [4.06 * MIB, '4.1 MiB/s'],
  [9.96 * MIB, '10 MiB/s'],
  [999.6 * MIB, '1 GiB/s'],
  [1.3 * 1024 * MIB, '1.3 GiB/s'],
])('formatRate(%d) is %s', (rate, text) => {
  expect(formatRate(rate)).toBe(text);
});

it.each([
  [0, '0 ms'],
  [0.0032, '3 ms'],
  [0.3, '0.3 s'],
  [0.0951, '0.1 s'],
  [59.94, '59.9 s'],
  [59.96, '1 min 00 s'],
  [125, '2 min 05 s'],
  [3720, '1 h 02 min'],
])('formatSeconds(%d) is %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

it.each([
  [0, '0:00'],
  [11.2, '0:12'],
  [3723, '1:02:03'],
  [359_999, '99:59:59'],
  [360_000, '>99 h'],
  [Infinity, '>99 h'],
])('formatTimeLeft(%d) is %s', (seconds, text) => {
  expect(formatTimeLeft(seconds)).toBe(text);
});

it('formatCount takes the singular for one, and a plural of its own where it is irregular', () => {
  expect([formatCount(0, 'file'), formatCount(1, 'file'), formatCount(2, 'file')]).toEqual([
    '0 files',
    '1 file',
    '2 files',
  ]);
});

describe('formatTransfer', () => {
  it('shows time and rate of a large file only', () => {
    expect(formatTransfer(1.2 * MIB, 0.3)).toBe('1.2 MiB in 0.3 s, 4 MiB/s');
    expect(formatTransfer(9800, 1.3)).toBe('9.6 KiB');
    expect(formatTransfer(1.2 * MIB, 0)).toBe('1.2 MiB');
  });

  it('counts for the rate only what has moved', () => {
    expect(formatTransfer(30 * MIB, 2, 8 * MIB)).toBe('30 MiB in 2.0 s, 4 MiB/s');
    expect(formatTransfer(30 * MIB, 2, 0)).toBe('30 MiB');
  });
});

it('a rate fits the nine columns that a bar has for it', () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (rate) => formatRate(rate).length <= 9));
});
