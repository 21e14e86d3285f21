import { describe, expect, it } from 'vitest';
import { createLatencyGuard } from '../../../src/storage/disk/latency.js';

function makeGuard() {
  let time = 100;
  const guard = createLatencyGuard(() => time);
  const wait = (ms: number) => void (time += ms);
  return { guard, wait, take: (ms: number) => guard.time(() => wait(ms)) };
}

describe('a disk', () => {
  it('is prompt until two calls take a millisecond, one soon after the other', () => {
    const { guard, take } = makeGuard();
    for (let call = 0; call < 1000; call++) take(0.9);
    take(1);
    for (let call = 0; call < 7; call++) take(0.1);
    expect(guard.isFast()).toBe(true);
    take(1);
    expect(guard.isFast()).toBe(false);
  });

  it('is prompt while calls are interrupted now and then', () => {
    const { guard, take } = makeGuard();
    for (let call = 0; call < 100; call++) {
      take(19);
      for (let other = 0; other < 8; other++) take(0.1);
      expect(guard.isFast()).toBe(true);
    }
  });

  it('is given twenty times as long as it took', () => {
    const { guard, take, wait } = makeGuard();
    take(50);
    wait(999);
    expect(guard.isFast()).toBe(false);
    wait(1);
    expect(guard.isFast()).toBe(true);
  });

  it('is timed when a call fails, too', () => {
    const { guard, wait } = makeGuard();
    const fail = () =>
      guard.time(() => {
        wait(20);
        throw new Error('EIO');
      });
    expect(fail).toThrow('EIO');
    expect(guard.isFast()).toBe(false);
  });

  it('gives what the calls give', () => {
    expect(makeGuard().guard.time(() => 'content')).toBe('content');
  });
});
