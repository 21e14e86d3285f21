import { expect, it } from 'vitest';
import { describePart } from '../../../src/cli/commands/list-parts.js';

const part = { path: 'film.mp4', peer: '192.0.2.7', size: 2_000_000_000, bytes: 900_000_000, ageSeconds: 3 * 3_600 };

it('a part is shown with its progress and age', () => {
  expect(describePart(part)).toBe('film.mp4  45% of 2.0 GB  from 192.0.2.7  3 h ago');
});

it.each([
  [5, '5 s ago'],
  [600, '10 min ago'],
  [10 * 86_400, '10 days ago'],
])('%d seconds are %s', (ageSeconds, shown) => {
  expect(describePart({ ...part, ageSeconds })).toContain(shown);
});

it('the path of a part is escaped', () => {
  expect(describePart({ ...part, path: 'a\x1b[31m\n' })).not.toMatch(/[\x00-\x1f]/);
});
