import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimFreeName, numberName } from '../../../src/storage/names/free-name.js';

describe('numberName', () => {
  it.each([
    ['photo.jpg', 1, 'photo (1).jpg'],
    ['photo', 12, 'photo (12)'],
    ['.bashrc', 1, '.bashrc (1)'],
    ['.config.json', 1, '.config (1).json'],
    ['photo (1).jpg', 1, 'photo (1) (1).jpg'],
    ['a.tar.gz', 2, 'a.tar (2).gz'],
    ['No. 5 is a name with a dot and no extension at all', 1, 'No. 5 is a name with a dot and no extension at all (1)'],
    ['x'.repeat(255), 1, `${'x'.repeat(251)} (1)`],
    [`${'x'.repeat(251)}.jpg`, 10, `${'x'.repeat(246)} (10).jpg`],
    ['🎉'.repeat(63), 1, `${'🎉'.repeat(62)} (1)`],
    [`a.${'e'.repeat(253)}`, 1, `a.${'e'.repeat(249)} (1)`],
  ])('%s, %i', (name, number, expected) => {
    expect(numberName(name, number)).toBe(expected);
  });

  it('is well formed, at most 255 bytes, and tells numbers apart', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 255 });
    const number = fc.nat(1e9);
    fc.assert(
      fc.property(name, number, number, (text, one, other) => {
        const numbered = numberName(text, one);
        expect(numbered.isWellFormed()).toBe(true);
        expect(Buffer.byteLength(numbered)).toBeLessThanOrEqual(255);
        if (one !== other) expect(numberName(text, other)).not.toBe(numbered);
      }),
    );
  });
});

describe('claimFreeName', () => {
  function createNames(taken: readonly string[]) {
    const names = new Set(taken);
    let lookups = 0;
    const claim = (name: string): Promise<boolean> => Promise.resolve(!names.has(name) && names.add(name).size > 0);
    const isTaken = (name: string): Promise<boolean> => {
      lookups++;
      return Promise.resolve(names.has(name));
    };
    return { names, lookups: () => lookups, search: { path: '/r/x', name: 'x', claim, isTaken } };
  }

  it('takes the name itself when it is free', async () => {
    const { search, lookups } = createNames([]);
    expect(await claimFreeName(search)).toEqual({ name: 'x', isClaimed: true });
    expect(lookups()).toBe(0);
  });

  it('finds the number after 10,000 in a few dozen lookups', async () => {
    const taken = Array.from({ length: 10_000 }, (_, number) => numberName('x', number + 1));
    const { search, lookups } = createNames(['x', ...taken]);
    expect(await claimFreeName(search)).toEqual({ name: 'x (10001)', isClaimed: true });
    expect(lookups()).toBeLessThan(32);
  });

  it('takes a number that is free, whatever gaps there are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: 40 })), async (numbers) => {
        const { search, names } = createNames(['x', ...numbers.map((number) => numberName('x', number))]);
        const size = names.size;
        await claimFreeName(search);
        expect(names.size).toBe(size + 1);
      }),
    );
  });

  it('looks on when another takes the free number first', async () => {
    const { names, search } = createNames(['x']);
    let thieves = 3;
    const { name } = await claimFreeName({
      ...search,
      claim: (candidate) => {
        if (candidate !== 'x' && thieves-- > 0) names.add(candidate);
        return search.claim(candidate);
      },
    });
    expect(name).toBe('x (4)');
  });

  it('lets those who search at once take numbers in turn, with one lookup each', async () => {
    const { search, lookups } = createNames(['x']);
    const found = await Promise.all(Array.from({ length: 50 }, () => claimFreeName(search)));
    expect(found.map(({ name }) => name)).toEqual(Array.from({ length: 50 }, (_, number) => `x (${number + 1})`));
    expect(lookups()).toBe(50);
  });

  it('takes no number when something else is found instead, and looks again at each turn', async () => {
    const { search, names } = createNames(['x']);
    const findInstead = () => Promise.resolve(names.has('x (1)') ? 'x (1)' : undefined);
    const found = await Promise.all([1, 2, 3].map(() => claimFreeName({ ...search, findInstead })));
    expect(found.map(({ isClaimed }) => isClaimed)).toEqual([true, false, false]);
    expect([...names]).toEqual(['x', 'x (1)']);
  });

  it('takes no further number when another has taken one for the same thing', async () => {
    const { names, search } = createNames(['x']);
    const same = new Set<string>();
    const found = await claimFreeName({
      ...search,
      claim: (candidate) => {
        if (candidate !== 'x') names.add(candidate);
        if (candidate === 'x (2)') same.add(candidate);
        return search.claim(candidate);
      },
      findInstead: () => Promise.resolve([...same][0]),
    });
    expect(found).toEqual({ name: 'x (2)', isClaimed: false });
    expect([...names]).toEqual(['x', 'x (1)', 'x (2)']);
  });

  it('goes on after a search that failed', async () => {
    const { search } = createNames(['x']);
    const failing = claimFreeName({ ...search, isTaken: () => Promise.reject(new Error('broken')) });
    const next = claimFreeName(search);
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toEqual({ name: 'x (1)', isClaimed: true });
  });
});
