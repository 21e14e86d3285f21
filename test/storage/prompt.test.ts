import { describe, expect, it } from 'vitest';
import { createPrompt } from '../../src/storage/prompt.js';

function makePrompt() {
  let time = 100;
  const prompt = createPrompt(() => time);
  const wait = (ms: number) => void (time += ms);
  return { prompt, wait, take: (ms: number) => prompt.time(() => wait(ms)) };
}

describe('a disk', () => {
  it('is prompt until two calls take a millisecond, one soon after the other', () => {
    const { prompt, take } = makePrompt();
    for (let call = 0; call < 1000; call++) take(0.9);
    take(1);
    for (let call = 0; call < 7; call++) take(0.1);
    expect(prompt.isPrompt()).toBe(true);
    take(1);
    expect(prompt.isPrompt()).toBe(false);
  });

  it('is prompt while calls are interrupted now and then', () => {
    const { prompt, take } = makePrompt();
    for (let call = 0; call < 100; call++) {
      take(19);
      for (let other = 0; other < 8; other++) take(0.1);
      expect(prompt.isPrompt()).toBe(true);
    }
  });

  it('is given twenty times as long as it took', () => {
    const { prompt, take, wait } = makePrompt();
    take(50);
    wait(999);
    expect(prompt.isPrompt()).toBe(false);
    wait(1);
    expect(prompt.isPrompt()).toBe(true);
  });

  it('is timed when a call fails, too', () => {
    const { prompt, wait } = makePrompt();
    const fail = () => prompt.time(() => {
      wait(20);
      throw new Error('EIO');
    });
    expect(fail).toThrow('EIO');
    expect(prompt.isPrompt()).toBe(false);
  });

  it('gives what the calls give', () => {
    expect(makePrompt().prompt.time(() => 'content')).toBe('content');
  });
});
