import { describe, expect, it } from 'vitest';
import type { TransferEvent } from '../../../src/core/events.js';
import { createProgressModel } from '../../../src/cli/screen/progress-model.js';
import {
  comparing,
  connected,
  done,
  failed,
  offered,
  progress,
  refused,
  resumed,
  retrying,
  stored,
} from '../events.js';

function setUp() {
  const clock = { ms: 0 };
  const model = createProgressModel(() => clock.ms);
  return { clock, model, only: () => model.sessions()[0]! };
}

it('shows the entry that moved last, then the first that waits', () => {
  const { model, only } = setUp();
  [connected(), offered('a', 10), offered('b', 20), offered('c', 30), progress('b', 5)].forEach(model.apply);
  expect(only().current).toMatchObject({ path: 'b', bytes: 5, size: 20 });
  model.apply(stored('b', 20));
  expect(only().current).toMatchObject({ path: 'a', bytes: 0 });
});

it('counts all bytes of entries that have ended, and of the others those that moved', () => {
  const { model, only } = setUp();
  const total = { entries: 4, bytes: 100 };
  [connected(), offered('a', 10), offered('b', 20), offered('c', 30), offered('d', 40)].forEach(model.apply);
  model.apply(progress('a', 5, { total }));
  model.apply(progress('a', 10, { total: null }));
  expect(only()).toMatchObject({ bytes: 10, ended: 0, total });
  [stored('a', 10), refused('b', 'exists', ''), stored('c', 30, { already: true }), failed('d', 'changed', '')].forEach(
    model.apply,
  );
  expect(only()).toMatchObject({ bytes: 100, ended: 4, current: undefined });
});

it('counts for the rate only bytes that moved in this session', () => {
  const { clock, model, only } = setUp();
  [connected(), offered('a', 1000), offered('b', 9000)].forEach(model.apply);
  clock.ms = 1000;
  [stored('a', 1000), stored('b', 9000, { already: true })].forEach(model.apply);
  expect(only().bytesPerSecond).toBe(1000);
});

it('counts of a stream the bytes that have arrived', () => {
  const { model, only } = setUp();
  [connected(), offered('s', null), progress('s', 7, { size: null }), stored('s', 9)].forEach(model.apply);
  expect(only().bytes).toBe(9);
});

it('keeps sessions until they end, however they end', () => {
  const { model } = setUp();
  [connected(1), connected(2), connected(3)].forEach(model.apply);
  model.apply(progress('stray', 1, { session: 9 }));
  expect(model.active).toBe(3);
  model.apply(done(1));
  model.apply(failed(null, 'lost', '', 2));
  expect(model.active).toBe(1);
});

const total = { entries: 2, bytes: 2000 };
const first = [offered('a', 1000), progress('a', 1000, { total }), stored('a', 1000)];

describe.each<[string, TransferEvent[], { bytes: number; ended: number }]>([
  [
    'a retry in the second file',
    [...first, offered('b', 1000), progress('b', 800), retrying(), connected(), offered('b', 1000)],
    { bytes: 1000, ended: 1 },
  ],
  [
    'a retry that goes on in the second file',
    [...first, offered('b', 1000), progress('b', 800), retrying(), offered('b', 1000), resumed('b', 600, 1000)],
    { bytes: 1600, ended: 1 },
  ],
  [
    'a file that is offered again without a word',
    [...first, offered('b', 1000), progress('b', 800), offered('b', 1000), resumed('b', 600, 1000)],
    { bytes: 1600, ended: 1 },
  ],
  [
    'a retry while two files move',
    [offered('a', 1000), offered('b', 1000), progress('a', 900, { total }), progress('b', 900), retrying()],
    { bytes: 0, ended: 0 },
  ],
  [
    'a file that goes on and is read again',
    [...first, offered('b', 1000), resumed('b', 600, 1000), comparing('b', 0, 600), comparing('b', 300, 600)],
    { bytes: 1600, ended: 1 },
  ],
  [
    'a progress below what was resumed',
    [...first, offered('b', 1000), resumed('b', 600, 1000), progress('b', 100)],
    { bytes: 1600, ended: 1 },
  ],
  [
    'a file that is compared and then sent',
    [...first, offered('b', 1000), comparing('b', 1000, 1000), progress('b', 100)],
    { bytes: 1100, ended: 1 },
  ],
  [
    'two files of one path at once',
    [offered('a', 1000), offered('a', 1000), progress('a', 900, { total }), progress('a', 100), stored('a', 1000)],
    { bytes: 1000, ended: 1 },
  ],
  [
    'two files of one path, both stored',
    [offered('a', 1000), offered('a', 1000), progress('a', 900, { total }), stored('a', 1000), stored('a', 1000)],
    { bytes: 1000, ended: 2 },
  ],
  [
    'a file that could not be read, and so was not offered',
    [failed('c', 'unreadable', ''), ...first],
    { bytes: 1000, ended: 1 },
  ],
  [
    'a file that ends with less than it had',
    [offered('a', 1000), progress('a', 900, { total }), stored('a', 800)],
    { bytes: 1000, ended: 1 },
  ],
])('after %s', (_what, events, { bytes, ended }) => {
  it('the whole is what the receiver has, never more than all of it', () => {
    const { model, only } = setUp();
    [connected(), ...events].forEach(model.apply);
    expect(only()).toMatchObject({ bytes, ended, total });
  });

  it('the rate was never negative', () => {
    const { clock, model, only } = setUp();
    for (const event of [connected(), ...events, ...Array<TransferEvent>(40).fill(connected())]) {
      clock.ms += 200;
      model.apply(event);
      expect(only().bytesPerSecond ?? 0).toBeGreaterThanOrEqual(0);
    }
  });
});

it('makes the whole larger by what a file has grown', () => {
  const { model, only } = setUp();
  [connected(), ...first, offered('b', 3000), progress('b', 2500, { size: 3000 })].forEach(model.apply);
  expect(only()).toMatchObject({ bytes: 3500, total: { entries: 2, bytes: 3500 } });
});
