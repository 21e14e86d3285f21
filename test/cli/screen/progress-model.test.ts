import { describe, expect, it } from 'vitest';
import type { TransferEvent } from '../../../src/core/events.js';
import { createProgressModel } from '../../../src/cli/screen/progress-model.js';
import {
  checked,
  comparing,
  connected,
  counting,
  done,
  failed,
  offered,
  progress,
  refused,
  resumed,
  retrying,
  stored,
  waiting,
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

describe('while the list is made', () => {
  it('what is listed so far shows after half a second, until the receiver has checked all', () => {
    const { clock, model, only } = setUp();
    model.apply(connected());
    clock.ms = 499;
    expect(only().counting).toBeUndefined();
    clock.ms = 500;
    expect(only().counting).toEqual({ entries: 0, bytes: 0 });
    model.apply(counting(700, 9000));
    expect(only().counting).toEqual({ entries: 700, bytes: 9000 });
    [offered('bad'), refused('bad', 'bad-name', '')].forEach(model.apply);
    expect(only().counting).toEqual({ entries: 700, bytes: 9000 });
    model.apply(checked(800, 9900));
    expect(only().counting).toBeUndefined();
  });

  it.each<[string, TransferEvent[]]>([
    ['a single file, which is not listed', [offered('a', 10)]],
    ['an older receiver, that checks no list', [offered('a', 10), stored('a', 10)]],
    ['a comparison', [comparing('a', 0, 10)]],
    ['what moves', [progress('a', 10)]],
  ])('nothing is counted for %s', (_what, events) => {
    const { clock, model, only } = setUp();
    [connected(), ...events].forEach(model.apply);
    clock.ms = 9000;
    expect(only().counting).toBeUndefined();
  });

  it('the next attempt counts anew', () => {
    const { clock, model, only } = setUp();
    [connected(), checked(2, 20), progress('a', 5), retrying()].forEach(model.apply);
    clock.ms = 9000;
    model.apply(connected());
    clock.ms = 9600;
    expect(only().counting).toEqual({ entries: 0, bytes: 0 });
  });
});

it('tells what is waited for until anything else happens', () => {
  const { model, only } = setUp();
  for (const next of [stored('a', 10), progress('b', 1), retrying(), offered('c', 1)]) {
    [connected(), offered('a', 10), progress('a', 10), waiting('a')].forEach(model.apply);
    expect(only().waitingFor).toBe('receiver disk');
    model.apply(next);
    expect(only().waitingFor).toBeUndefined();
  }
});

describe('the time left of many files', () => {
  const SMALL = 1024;
  const BIG = 1024 ** 3;
  /** [files, bytes of each, files a second] */
  type Part = readonly [number, number, number];

  /** Lists for some seconds, then moves each part at its speed. Yields how long it takes still, and what is told, ten times a second. */
  function* run(
    listSeconds: number,
    parts: readonly Part[],
  ): Generator<{ left: number; told: number | undefined; at: number }> {
    const { clock, model, only } = setUp();
    const sum = parts.reduce(
      ({ entries, bytes }, [files, each]) => ({ entries: entries + files, bytes: bytes + files * each }),
      { entries: 0, bytes: 0 },
    );
    model.apply(connected());
    clock.ms = listSeconds * 1000;
    model.apply(checked(sum.entries, sum.bytes));
    let left = parts.reduce((seconds, [files, , speed]) => seconds + files / speed, 0);
    let number = 0;
    for (const [files, each, speed] of parts)
      for (let done = 0, due = 0; done < files; left -= 0.1) {
        clock.ms += 100;
        due = Math.min(files, due + speed / 10);
        for (; done + 1 <= due; done += 1) {
          const path = `${number++}`;
          [offered(path, each), progress(path, each, { size: each, total: sum }), stored(path, each)].forEach(
            model.apply,
          );
        }
        if (due < files || done === files)
          yield { left: left - 0.1, told: only().secondsLeft, at: clock.ms / 1000 - listSeconds };
        if (due >= files) break;
      }
  }

  it.each<[string, number, readonly Part[], number]>([
    ['small files', 0, [[20_000, SMALL, 1000]], 1.5],
    ['small files after a long list', 7, [[20_000, SMALL, 1000]], 1.5],
    ['empty files', 1, [[20_000, 0, 1000]], 1.5],
    [
      'small files, and then large ones',
      1,
      [
        [10_000, SMALL, 1000],
        [20, BIG / 10, 2],
      ],
      8,
    ],
    [
      'large files, and then small ones',
      1,
      [
        [20, BIG / 10, 2],
        [10_000, SMALL, 1000],
      ],
      8,
    ],
  ])('is not told at once, and is never far off: %s', (_what, listSeconds, parts, factor) => {
    let times = 0;
    for (const { left, told, at } of run(listSeconds, parts)) {
      if (at < 2) expect(told).toBeUndefined();
      if (told === undefined) continue;
      times += 1;
      expect(told).toBeLessThan(factor * left + 2);
      expect(told).toBeGreaterThan(left / factor - 2);
    }
    expect(times).toBeGreaterThan(50);
  });
});
