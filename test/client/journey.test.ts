import { expect, it } from 'vitest';
import type { TransferEvent } from '../../src/core/events.js';
import { createJourney } from '../../src/client/journey.js';

const session = 1;
const stored = (path: string): TransferEvent => {
  return { type: 'stored', session, path, as: path, size: 1, digest: null, already: false, durable: true, seconds: 0 };
};
const resumed = (path: string, bytes: number): TransferEvent => ({ type: 'resumed', session, path, bytes, size: 9 });
const progress = (path: string, bytes: number): TransferEvent => {
  return { type: 'progress', session, path, bytes, size: 99, total: null };
};
const retrying: TransferEvent = {
  ...{ type: 'retrying', session, code: 'lost', message: '' },
  ...{ attempt: 1, retries: 5, delaySeconds: 1 },
};

function progressAfter(...events: TransferEvent[]): number {
  const journey = createJourney();
  for (const event of events) journey.note(event);
  return journey.progress();
}

it.each([
  ['what was only sent', 0, [progress('a', 9)]],
  ['what the receiver had before', 0, [resumed('a', 9)]],
  ['what the receiver says to have, and was not sent', 0, [retrying, resumed('a', 9), retrying, resumed('a', 18)]],
  ['more than was sent', 0, [progress('a', 9), retrying, resumed('a', 10)]],
  ['what was sent two attempts ago', 0, [progress('a', 9), retrying, progress('a', 1), retrying, resumed('a', 9)]],
  ['the same twice', 9, [progress('a', 9), retrying, resumed('a', 9), retrying, resumed('a', 9)]],
  ['less than before', 9, [progress('a', 9), retrying, resumed('a', 9), retrying, resumed('a', 4)]],
  ['an entry that was there already', 0, [{ ...stored('a'), already: true } as TransferEvent]],
  ['what comes before the place it went on from', 2, [resumed('a', 50), progress('a', 52), retrying, resumed('a', 52)]],
])('progress does not count %s', (_, expected, events) => {
  expect(progressAfter(...events)).toBe(expected);
});

it('progress counts what was sent and is kept, also after an attempt that reached nobody', () => {
  expect(progressAfter(progress('a', 9), retrying, resumed('a', 8))).toBe(8);
  expect(progressAfter(progress('a', 9), retrying, retrying, resumed('a', 8))).toBe(8);
  expect(progressAfter(progress('a', 1), stored('a'))).toBe(2);
  expect(progressAfter(stored('folder'))).toBe(1);
});

it('ended() is a snapshot: entries that end later are not in it', () => {
  const journey = createJourney();
  const before = journey.ended();
  journey.note(stored('a'));
  journey.note({ type: 'refused', session, path: 'b', code: 'exists', message: '' });
  journey.note({ type: 'failed', session, path: null, code: 'lost', message: '' });
  const paths = ['a', 'b', 'c'];
  expect(paths.filter(before)).toEqual([]);
  expect(paths.filter(journey.ended())).toEqual(['a', 'b']);
  expect(paths.filter(before)).toEqual([]);
});

it('knows whether there was a connection', () => {
  const journey = createJourney();
  expect(journey.wasConnected()).toBe(false);
  journey.note({ type: 'connected', session, peer: 'x', protocol: 'ftx/1' });
  expect(journey.wasConnected()).toBe(true);
});
