import { expect, it } from 'vitest';
import { createRateMeter } from '../../../src/cli/screen/rate.js';

it('has no rate in the first half second', () => {
  const meter = createRateMeter(0);
  meter.add(1000, 100);
  expect(meter.perSecond(100)).toBeUndefined();
  expect(meter.perSecond(500)).toBe(2000);
});

it('is the rate of the last three seconds', () => {
  const meter = createRateMeter(0);
  for (let at = 100; at <= 10_000; at += 100) meter.add(1_000_000, at);
  expect(meter.perSecond(10_000)).toBe(10_000_000);
  for (let at = 10_100; at <= 13_000; at += 100) meter.add(1000, at);
  expect(meter.perSecond(13_000)).toBe(10_000);
});

it('falls to zero when nothing moves', () => {
  const meter = createRateMeter(0);
  meter.add(3_000_000, 1000);
  expect(meter.perSecond(1000)).toBe(3_000_000);
  expect(meter.perSecond(3000)).toBe(1_000_000);
  expect(meter.perSecond(4000)).toBe(0);
  expect(meter.perSecond(60_000)).toBe(0);
});
