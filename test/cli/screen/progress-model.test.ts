import { expect, it } from 'vitest';
import { createProgressModel } from '../../../src/cli/screen/progress-model.js';
import { connected, done, failed, offered, progress, refused, stored } from '../events.js';

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
