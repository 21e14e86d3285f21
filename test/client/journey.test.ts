import { expect, it } from 'vitest';
import type { TransferEvent } from '../../src/core/events.js';
import { createJourney } from '../../src/client/journey.js';

const session = 1;
const stored = (path: string): TransferEvent => {
  return { type: 'stored', session, path, as: path, size: 1, digest: null, already: false, durable: true, seconds: 0 };
};
const resumed = (path: string, bytes: number): TransferEvent => ({ type: 'resumed', session, path, bytes, size: 9 });
const progress = (path: string): TransferEvent => ({ type: 'progress', session, path, bytes: 1, size: 9, total: null });

it('progress grows by what the receiver has for good, and not by what was only sent', () => {
  const journey = createJourney();
  journey.note(progress('a'));
  expect(journey.progress()).toBe(0);
  journey.note(stored('a'));
  journey.note(resumed('b', 5));
  expect(journey.progress()).toBe(2);
  journey.note(resumed('b', 5));
  journey.note(resumed('b', 4));
  expect(journey.progress()).toBe(2);
  journey.note(resumed('b', 6));
  expect(journey.progress()).toBe(3);
});

it('ended() is a snapshot: entries that end later are not in it', () => {
  const journey = createJourney();
  const before = journey.ended();
  journey.note(stored('a'));
  journey.note({ type: 'refused', session, path: 'b', code: 'exists', message: '' });
  journey.note({ type: 'failed', session, path: null, code: 'lost', message: '' });
  expect([...before]).toEqual([]);
  expect([...journey.ended()]).toEqual(['a', 'b']);
});

it('knows whether there was a connection', () => {
  const journey = createJourney();
  expect(journey.wasConnected()).toBe(false);
  journey.note({ type: 'connected', session, peer: 'x', protocol: 'ftx/1' });
  expect(journey.wasConnected()).toBe(true);
});
