/** Times that 64 bits of nanoseconds do not hold: what is sent has the 19 digits at most that version 0.1.0 takes. */
import { expect, it } from 'vitest';
import type { Entry } from '../../src/core/entry.js';
import { encodeItem } from '../../src/protocol/item-json.js';

const LAST = '9223372036854775807';
const FIRST = '-9223372036854775808';

it.each([
  ['the year 1', -62_135_596_800_000_000_000n, FIRST],
  ['just before the first', -(2n ** 63n) - 1n, FIRST],
  ['the first', -(2n ** 63n), FIRST],
  ['1969', -1n, '-1'],
  ['1970', 0n, '0'],
  ['the last', 2n ** 63n - 1n, LAST],
  ['just after the last', 2n ** 63n, LAST],
  ['the year 2446', 15_032_385_536_000_000_000n, LAST],
  ['the year 9999', 253_402_300_799_000_000_000n, LAST],
])('%s is sent as the nearest time that there is', (_, mtimeNs, sent) => {
  const entry: Entry = { path: 'x', kind: 'file', size: 5, mode: 0o644, mtimeNs };
  expect(JSON.parse(encodeItem(entry))).toMatchObject({ mtime: sent });
});
