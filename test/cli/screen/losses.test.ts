import { describe, expect, it } from 'vitest';
import { createLosses, showName } from '../../../src/cli/screen/losses.js';
import { failed, refused } from '../events.js';

type Loss = Parameters<ReturnType<typeof createLosses>['tell']>[0];
const asLoss = (event: unknown) => event as Loss;

function tellAll(losses: readonly (readonly [path: string, message: string])[], code = 'bad-link' as const) {
  const all = createLosses();
  const told = losses.map(([path, message]) => all.tell(asLoss(refused(path, code, message))));
  return { lines: told.flatMap((one) => (one ? [`${one.what}: ${one.why}`] : [])), more: all.more() };
}

const many = (count: number, make: (n: number) => readonly [string, string]) =>
  Array.from({ length: count }, (_, n) => make(n));
const long = `${'a'.repeat(150)}/${'b'.repeat(150)}`;
const cut = `${long.slice(0, 100)}…${long.slice(-100)}`;

describe('of entries that were not stored', () => {
  it.each<[string, (readonly [string, string])[], string[], string[]]>([
    ['one has a line', [['a', 'a: is there.']], ['a: is there.'], []],
    ['a message without the path has one too', [['a', 'No.']], ['a: No.'], []],
    [
      'a folder that is the cause has one line for all in it',
      [
        ...many(200, (n) => [`t/x./${n}`, 't/x.: the name "x." ends in a dot.'] as const),
        ['t/x.', 't/x.: the name "x." ends in a dot.'],
      ],
      ['t/x. and everything in it: the name "x." ends in a dot.'],
      [],
    ],
    [
      'of 2,000 of one kind ten have a line, whatever they name',
      many(2000, (n) => [`v/${n}`, `v/${n}: its target "/usr/${n}" is an absolute path.`]),
      many(10, (n) => [`v/${n}: its target "/usr/${n}" is an absolute path.`, '']).map(([line]) => line),
      ['and 1,990 more were refused (bad-link; --json names all)'],
    ],
    ['a long path is shown once and shortened', [[long, `${cut}: is there.`]], [`${cut}: is there.`], []],
    ['a long path that came whole is shortened too', [[long, `${long}: is there.`]], [`${cut}: is there.`], []],
    ['a blank at the end shows', [['t/blank ', 't/blank : ends in a space.']], ['"t/blank ": ends in a space.'], []],
  ])('%s', (_what, losses, lines, more) => {
    expect(tellAll(losses)).toEqual({ lines, more });
  });

  it('no more than fifty of one code have a line, whatever is said of them', () => {
    const kinds = many(1000, (n) => [`${n}`, 'x'.repeat(n + 1)]);
    expect(tellAll(kinds).lines).toHaveLength(50);
    expect(tellAll(kinds).more).toEqual(['and 950 more were refused (bad-link; --json names all)']);
  });

  it('no line is longer than 700 characters', () => {
    const [line] = tellAll([['p'.repeat(4000), 'm'.repeat(4000)]]).lines;
    expect(line!.length).toBeLessThan(700);
  });

  it('those that failed are told from those that were refused', () => {
    const losses = createLosses();
    for (let n = 0; n < 12; n++) losses.tell(asLoss(failed(`${n}`, 'changed', `${n}: was removed.`)));
    expect(losses.more()).toEqual(['and 2 more failed (changed; --json names all)']);
  });
});

it.each([
  ['photo.jpg', 'photo.jpg'],
  ['blank ', '"blank "'],
  [' lead', '" lead"'],
  ['nbsp\u00a0', '"nbsp\u00a0"'],
  ['', '""'],
  ['"a"', '""a""'],
])('%j is shown as %s', (name, shown) => {
  expect(showName(name)).toBe(shown);
});
