import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseSize } from '../../src/cli/parse.js';
import { formatBytes } from '../../src/core/bytes.js';

const KIB = 1024;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

it.each([
  [0, '0 B'],
  [1, '1 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [1000 * KIB, '1000 KiB'],
  [MIB - 60, '1023.9 KiB'],
  [MIB - 33, '1 MiB'],
  [MIB, '1 MiB'],
  [31.46 * MIB, '31.5 MiB'],
  [10 * GIB, '10 GiB'],
  [Number.MAX_SAFE_INTEGER, '8 PiB'],
])('formatBytes(%d) is %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each(['1.5G', '10GiB', '500M', '64MiB', '8K', '1023'])(
  'a limit of %s is shown in the unit it was typed in',
  (typed) => {
    const shown = formatBytes(parseSize(typed));
    expect(shown.replace(' ', '').replace('iB', '').replace(/B$/, '')).toBe(typed.replace('iB', ''));
  },
);

it('fits the ten columns that a bar has for a size', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => formatBytes(bytes).length <= 10));
});
