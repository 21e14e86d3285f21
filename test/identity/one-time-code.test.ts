import { describe, expect, it } from 'vitest';
import {
  createCode,
  createOneTimeCode,
  parseCode,
  spellCode,
  type OneTimeCode,
} from '../../src/identity/one-time-code.js';

function makeCode(lifetimeMs = 1000) {
  const clock = { ms: 0 };
  return { clock, code: createOneTimeCode({ now: () => clock.ms, lifetimeMs }) };
}
const UNPAIRED = expect.objectContaining({ code: 'unpaired' }) as Error;

describe('a code', () => {
  it('is eight digits, another one each time', () => {
    const codes = Array.from({ length: 100 }, createCode);
    for (const code of codes) expect(code).toMatch(/^\d{8}$/);
    expect(new Set(codes).size).toBeGreaterThan(95);
  });

  it.each(['48219377', '4821-9377', ' 4821 9377\r', '4821--9377'])('is read from %j', (text) => {
    expect(parseCode(text)).toBe('48219377');
  });

  it('is spelled in two groups', () => {
    expect(spellCode('00219377')).toBe('0021-9377');
  });

  it.each(['', '4821937', '482193771', '4821937x', '٤٨٢١٩٣٧٧'])('is not %j, which is not repeated', (text) => {
    expect(() => parseCode(text)).toThrow(
      expect.objectContaining({ code: 'unpaired', message: expect.not.stringContaining('4821937') as string }) as Error,
    );
  });
});

describe('a code that was right, for a sender that could not be let in', () => {
  it('is as it was, and meanwhile lets nobody else in', () => {
    const { clock, code } = makeCode();
    code.begin().fail();
    const first = code.begin();
    first.claim();
    expect(code.isOpen).toBe(false);
    expect(() => code.begin()).toThrow(UNPAIRED);
    first.giveBack();
    expect(code.isOpen).toBe(true);
    expect(code.begin().fail()).toEqual({ left: 1, burned: false });
    code.begin().claim();
    expect(code.isOpen).toBe(false);
    clock.ms = 2000;
    expect(code.expire()).toBe(false);
  });

  it('is over when its time is', () => {
    const { clock, code } = makeCode();
    const late = code.begin();
    late.claim();
    clock.ms = 2000;
    late.giveBack();
    expect(code.isOpen).toBe(false);
  });
});

describe('tries', () => {
  it('are three in all, also when they run at once', () => {
    const { code } = makeCode();
    const running = [code.begin(), code.begin(), code.begin()];
    expect(() => code.begin()).toThrow(UNPAIRED);
    expect(code.isOpen).toBe(false);
    expect(running.map((attempt) => attempt.fail())).toEqual([
      { left: 0, burned: false },
      { left: 0, burned: false },
      { left: 0, burned: true },
    ]);
    expect(() => code.begin()).toThrow(UNPAIRED);
  });

  it('that have begun may still end well when no other may begin', () => {
    const { code } = makeCode();
    const [first, second, third] = [code.begin(), code.begin(), code.begin()];
    first.claim();
    expect(second.fail()).toEqual({ left: 0, burned: false });
    expect(() => third.claim()).toThrow(UNPAIRED);
  });

  it('are over with the first that is right', () => {
    const { code } = makeCode();
    code.begin().claim();
    expect(code.isOpen).toBe(false);
    expect(() => code.begin()).toThrow(UNPAIRED);
  });

  it.each<[string, (code: OneTimeCode) => unknown, boolean]>([
    ['that nobody has tried', () => undefined, true],
    ['that somebody is trying', (code) => [code.begin(), code.begin(), code.begin()], true],
    ['that is used', (code) => code.begin().claim(), false],
    [
      'that is burned',
      (code) => [code.begin(), code.begin(), code.begin()].forEach((attempt) => attempt.fail()),
      false,
    ],
  ])('of a code %s end with its time, which is news or not', (_, before, isNews) => {
    const { code } = makeCode();
    before(code);
    expect(code.expire()).toBe(isNews);
    expect(code.isOpen).toBe(false);
    expect(() => code.begin()).toThrow(UNPAIRED);
  });

  it('are over when the time is, whatever was begun before', () => {
    const { code, clock } = makeCode(1000);
    const late = code.begin();
    clock.ms = 999;
    expect(code.isOpen).toBe(true);
    clock.ms = 1000;
    expect(code.isOpen).toBe(false);
    expect(() => code.begin()).toThrow(UNPAIRED);
    expect(() => late.claim()).toThrow(UNPAIRED);
  });
});
