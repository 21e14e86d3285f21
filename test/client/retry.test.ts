import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FtxError, type ErrorCode } from '../../src/core/errors.js';
import { withRetries } from '../../src/client/retry.js';
import { codeOf } from '../support/error-code.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const fail = (code: ErrorCode) => Promise.reject(new FtxError(code, code));

function run(retries: number, attempt: (number: number) => Promise<void>, progress = () => 0, random = () => 0.5) {
  const stop = new AbortController();
  const delays: number[] = [];
  let attempts = 0;
  const outcome = codeOf(
    withRetries(
      {
        retries,
        signal: stop.signal,
        progress,
        wasConnected: () => progress() > 0,
        onRetry: (_, __, delayMs) => delays.push(delayMs),
        random,
      },
      () => attempt(++attempts),
    ),
  );
  const finish = async () => {
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    return { code: await outcome, delays, attempts };
  };
  return { finish, stop, outcome };
}

it('tries again with growing delays, and then gives up', async () => {
  const { finish } = run(7, () => fail('lost'));
  expect(await finish()).toEqual({
    code: 'lost',
    attempts: 8,
    delays: [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000],
  });
});

it('spreads the retries of senders that were turned away together', async () => {
  const first = await run(
    3,
    () => fail('busy'),
    undefined,
    () => 0,
  ).finish();
  const last = await run(
    3,
    () => fail('busy'),
    undefined,
    () => 0.999,
  ).finish();
  expect(first.delays).toEqual([500, 1_000, 2_000]);
  expect(last.delays).toEqual([1_500, 3_000, 6_000]);
});

it('is done when an attempt succeeds', async () => {
  const { finish } = run(5, (number) => (number < 3 ? fail('timeout') : Promise.resolve()));
  expect(await finish()).toMatchObject({ code: undefined, attempts: 3 });
});

it('counts anew after progress', async () => {
  let moved = 0;
  const { finish } = run(
    1,
    (number) => {
      if (number <= 3) moved += 1;
      return fail('lost');
    },
    () => moved,
  );
  expect(await finish()).toMatchObject({ code: 'lost', attempts: 4 });
});

it.each([
  ['little', 1, 11],
  ['much', 16 * 1024 * 1024, 101],
])('tries so often in all when each attempt brings %s', async (_, bytes, attempts) => {
  let moved = 0;
  const bring = (number: number) => {
    if (number <= 99) moved += bytes;
    return fail('lost');
  };
  expect(await run(2, bring, () => moved).finish()).toMatchObject({ code: 'lost', attempts });
});

it.each(['protocol', 'checksum', 'aborted', 'usage', 'no-connection', 'unknown-host'] as const)(
  'does not try %s again',
  async (code) => {
    expect(await run(5, () => fail(code)).finish()).toMatchObject({ code, attempts: 1 });
  },
);

it.each(['no-connection', 'unknown-host'] as const)('tries %s again where there was a connection', async (code) => {
  let moved = 0;
  const { finish } = run(
    2,
    (number) => {
      if (number === 1) moved = 1;
      return fail(number === 1 ? 'lost' : code);
    },
    () => moved,
  );
  expect(await finish()).toMatchObject({ code, attempts: 3 });
});

it('does not try again with 0 retries', async () => {
  expect(await run(0, () => fail('lost')).finish()).toMatchObject({ attempts: 1 });
});

it('stops waiting when the signal is aborted', async () => {
  const { stop, outcome } = run(5, () => fail('lost'));
  await vi.advanceTimersByTimeAsync(10);
  stop.abort(new FtxError('aborted', 'stopped'));
  expect(await outcome).toBe('aborted');
});
