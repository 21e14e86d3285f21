import { expect, it } from 'vitest';
import { createArrived } from '../../../src/cli/screen/arrived.js';
import { done, failed, offered, refused, stored } from '../events.js';

it('counts what arrived by kind, and what was refused or failed', () => {
  const tally = createArrived();
  const kinds = [
    offered('a', 5),
    offered('b', 6),
    offered('d', 0, 'directory'),
    offered('l', 0, 'symlink'),
    stored('a', 5),
    stored('d'),
    stored('l'),
    refused('b', 'exists', ''),
    failed('c', 'changed', ''),
    failed(null, 'lost', ''),
    done(),
  ].map((event) => tally.apply(event));
  expect(kinds.slice(4, 8)).toEqual(['file', 'directory', 'symlink', 'file']);
  expect(tally.describe()).toBe('1 file, 1 folder, 1 link');
  expect(tally.arrived).toBe(3);
  expect(tally.summary(2)).toEqual({ stored: 3, sent: 0, refused: 1, failed: 1, bytes: 5, seconds: 2 });
});

it('tells what was there already from what is new', () => {
  const tally = createArrived();
  for (const event of [
    ...[offered('a', 5), offered('b', 6), offered('d', 0, 'directory')],
    ...[stored('a', 5), stored('b', 6, { already: true }), stored('d', 0, { already: true })],
  ])
    tally.apply(event);
  expect([tally.arrived, tally.already, tally.newBytes]).toEqual([3, 2, 5]);
  expect([tally.describe(), tally.describeNew()]).toEqual(['2 files, 1 folder', '1 file']);
});

it('keeps sessions with the same names apart', () => {
  const tally = createArrived();
  tally.apply(offered('x', 0, 'directory', 1));
  tally.apply(offered('x', 0, 'file', 2));
  expect(tally.apply(stored('x', 0, { session: 1 }))).toBe('directory');
  expect(tally.apply(stored('x', 0, { session: 2 }))).toBe('file');
  expect(tally.describe()).toBe('1 file, 1 folder');
});

it('describes nothing at all as nothing', () => {
  expect(createArrived().describe()).toBe('nothing');
});
