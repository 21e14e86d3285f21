import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatRate,
  formatSeconds,
  formatTimeLeft,
  formatTransfer,
} from '../../../src/cli/screen/format.js';
import fc from 'fast-check';

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [1_234_567, '1.2 MB'],
  [12_000_000, '12.0 MB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [1024 ** 3, '1.1 GB'],
  [Number.MAX_SAFE_INTEGER, '9.0 PB'],
])('formatBytes(%d) is %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([
  [0, '0 B/s'],
  [850_000, '850 kB/s'],
  [4_000_000, '4 MB/s'],
  [4_060_000, '4.1 MB/s'],
  [9_960_000, '10 MB/s'],
  [999_600_000, '1 GB/s'],
  [1_300_000_000, '1.3 GB/s'],
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
    expect(formatTransfer(1_200_000, 0.3)).toBe('1.2 MB in 0.3 s, 4 MB/s');
    expect(formatTransfer(9800, 1.3)).toBe('9.8 kB');
    expect(formatTransfer(1_200_000, 0)).toBe('1.2 MB');
  });
});

it('a rate fits the eight columns that a bar has for it', () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (rate) => formatRate(rate).length <= 8));
});
