import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutWidth, displayWidth, fitWidth } from '../../../src/cli/screen/width.js';

it.each([
  ['', 0],
  ['photo.jpg', 9],
  ['Grüße', 5],
  ['e\u0301', 1],
  ['日本語', 6],
  ['한글', 4],
  ['ｆｔｘ', 6],
  ['😀', 2],
  ['Привет', 6],
])('%s is %d columns wide', (text, columns) => {
  expect(displayWidth(text)).toBe(columns);
});

it.each([
  ['photo.jpg', 9, 'photo.jpg'],
  ['photo.jpg', 8, 'photo.j…'],
  ['日本語', 5, '日本…'],
  ['日本語', 4, '日…'],
  ['日本語', 1, '…'],
  ['日本語', 0, ''],
])('cutWidth(%s, %d) is %s', (text, columns, cut) => {
  expect(cutWidth(text, columns)).toBe(cut);
});

it('fitWidth fills exactly the columns it is given', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '日', '😀', '\u0301', 'ü') });
  fc.assert(
    fc.property(
      text,
      fc.integer({ min: 1, max: 40 }),
      (name, columns) => displayWidth(fitWidth(name, columns)) === columns,
    ),
  );
});
