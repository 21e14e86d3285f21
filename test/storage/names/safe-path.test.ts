import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FtxError } from '../../../src/core/errors.js';
import { assertLinkTarget, parsePath } from '../../../src/storage/names/safe-path.js';

const GOOD: readonly [path: string, components: readonly string[]][] = [
  [`${'a/'.repeat(99)}b`, [...Array<string>(99).fill('a'), 'b']],
  [`${'é'.repeat(120)}/`.repeat(16) + 'x'.repeat(240), [...Array<string>(16).fill('é'.repeat(120)), 'x'.repeat(240)]],
  ['x', ['x']],
  ['a/b/c.txt', ['a', 'b', 'c.txt']],
  ['.hidden', ['.hidden']],
  ['..a', ['..a']],
  ['...a/..b', ['...a', '..b']],
  ['-rf', ['-rf']],
  ['a b/ leading', ['a b', ' leading']],
  ['Grüße/日本語/🎉.png', ['Grüße', '日本語', '🎉.png']],
  ['console', ['console']],
  ['com', ['com']],
  ['COM0', ['COM0']],
  ['COM10', ['COM10']],
  ['nul-safe.txt', ['nul-safe.txt']],
  ['x.nul', ['x.nul']],
  ['.ftx', ['.ftx']],
  ['a.ftx-b', ['a.ftx-b']],
  ['12:30 meeting', ['12:30 meeting']],
  ['\u00a0', ['\u00a0']],
  ['a'.repeat(255), ['a'.repeat(255)]],
];

const BAD: readonly [path: string, reason: RegExp][] = [
  ['', /is empty/],
  [`${'a/'.repeat(2048)}a`, /longer than 4096 bytes/],
  [`${'é/'.repeat(1365)}éa`, /longer than 4096 bytes/],
  [`${'a/'.repeat(100)}b`, /has 101 names, and the receiver takes 100/],
  ['/', /absolute/],
  ['/etc/passwd', /absolute/],
  ['//server/share', /absolute/],
  ['a//b', /empty part/],
  ['a/', /empty part/],
  ['.', /contains "\."/],
  ['..', /contains "\.\."/],
  ['a/..', /contains "\.\."/],
  ['../a', /^\.\.\/a: the path contains "\.\."/],
  ['a/./b', /contains "\."/],
  ['a\\b', /backslash/],
  ['..\\..\\x', /backslash/],
  ['a\0', /control/],
  ['a\nb', /control/],
  ['\u001b[31mred', /control/],
  ['\u007f', /control/],
  ['\u0085', /control/],
  ['\u009f', /control/],
  ['a'.repeat(256), /longer than 255 bytes/],
  ['é'.repeat(128), /longer than 255 bytes/],
  ['a.', /^a\.: the name "a\." ends in a dot/],
  ['t/R.E.M./01', /^t\/R\.E\.M\.: the name "R\.E\.M\." ends in a dot/],
  ['a /b', /^a : the name "a " ends in a space/],
  ['...', /ends in a dot/],
  ['C:', /colon after its first letter/],
  ['c:x', /colon after its first letter/],
  ['a/Z:/b', /colon after its first letter/],
  ...[
    'CON',
    'con',
    'Prn.txt',
    'a/AUX',
    'NUL.tar.gz',
    'nul .txt',
    'COM1',
    'lpt9.x',
    'COM¹',
    'lpt².txt',
    'COM³',
    'CONIN$',
    'conout$.log',
  ].map((name): [string, RegExp] => [name, /Windows reserves/]),
  ['\ud800', /not valid Unicode/],
  ['a/\udc00b', /not valid Unicode/],
  ['.ftx-', /belong to the receiver/],
  ['a/.ftx-0123456789abcdef.part', /belong to the receiver/],
  ['.FTX-x', /belong to the receiver/],
];

function expectRefusal(work: () => unknown, code: string, reason: RegExp): void {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(FtxError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(reason) as string });
    expect((error as FtxError).message).toMatch(/\.$/);
    expect((error as FtxError).message.isWellFormed()).toBe(true);
    return;
  }
  expect.unreachable('was not refused');
}

describe('parsePath', () => {
  it.each(GOOD)('takes %j', (path, components) => {
    const parsed = parsePath(path);
    expect(parsed).toMatchObject({ text: path, components, parents: components.slice(0, -1), name: components.at(-1) });
    expect(parsed.sibling('other')).toBe([...parsed.parents, 'other'].join('/'));
  });

  it.each(BAD)('refuses %j', (path, reason) => {
    expectRefusal(() => parsePath(path), 'bad-name', reason);
  });

  it('names a path of any length in a short sentence', () => {
    expectRefusal(() => parsePath(`${'a/'.repeat(2000)}..`), 'bad-name', /^.{0,300}$/);
  });

  it('refuses what Windows does not allow, on Windows', () => {
    const real = Object.getOwnPropertyDescriptor(process, 'platform')!;
    try {
      Object.defineProperty(process, 'platform', { ...real, value: 'win32' });
      for (const name of ['a<b', 'a>b', 'ab:c', 'a"b', 'a|b', 'a?', '*']) {
        expectRefusal(() => parsePath(name), 'bad-name', /Windows/);
      }
    } finally {
      Object.defineProperty(process, 'platform', real);
    }
  });
});

/** Pieces that matter to paths, mixed with anything. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '/',
        '\\',
        'C:',
        '\0',
        'a',
        'NUL',
        '.ftx-',
        ' ',
        '\ud800',
        '~',
        '%2e%2e',
        '／',
        '‥',
        'COM¹',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''));

describe('whatever string comes in', () => {
  it('is refused as bad-name, or stays inside the folder', () => {
    const root = resolve('/srv/received');
    fc.assert(
      fc.property(hostileText, (path) => {
        let components;
        try {
          components = parsePath(path).components;
        } catch (error) {
          expect(error).toMatchObject({ name: 'FtxError', code: 'bad-name' });
          return;
        }
        const inside = relative(root, resolve(join(root, ...components)));
        expect(inside.split(sep)).toEqual(components);
        expect(isAbsolute(inside)).toBe(false);
        expect(path.isWellFormed()).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it('is refused as bad-link, or leads into the first folder of the link', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 5 }),
        hostileText,
        (link, target) => {
          try {
            assertLinkTarget(parsePath(link.join('/')), target);
          } catch (error) {
            expect(error).toMatchObject({ name: 'FtxError', code: 'bad-link' });
            return;
          }
          const leads = resolve('/inbox', ...link.slice(0, -1), target);
          expect(`${leads}/`.startsWith(`/inbox/${link[0]!}/`)).toBe(true);
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe('assertLinkTarget', () => {
  it.each([
    ['f/l', 'x'],
    ['f/l', '.'],
    ['f/l', 'sub/deep/x'],
    ['f/l', './x/'],
    ['f/sub/l', '..'],
    ['f/sub/l', '../x'],
    ['f/a/b/l', '../../x'],
    ['f/l', '..x'],
    ['f/l', 'CON'],
    ['f/l', 'Grüße'],
  ])('lets %s lead to %j', (link, target) => {
    expect(() => assertLinkTarget(parsePath(link), target)).not.toThrow();
  });

  it.each([
    ['f/l', '', /is empty/],
    ['f/l', '..', /outside/],
    ['f/l', '../f/x', /outside/],
    ['f/sub/l', '../../f', /outside/],
    ['f/sub/l', 'x/..', /elsewhere/],
    ['f/sub/l', './..', /elsewhere/],
    ['f/sub/l', '../x/../..', /elsewhere/],
    ['l', 'x', /outside/],
    ['l', '.', /outside/],
    ['f/l', '/etc', /its target "\/etc" is an absolute path/],
    ['f/l', 'c:', /colon after its first letter/],
    ['f/l', 'a\\..\\b', /backslash/],
    ['f/l', 'a\u001bb', /control/],
    ['f/l', '\udfff', /Unicode/],
    ['f/l', 'a'.repeat(4096), /longer than 4095 bytes/],
  ])('does not let %s lead to %j', (link, target, reason) => {
    expectRefusal(() => assertLinkTarget(parsePath(link), target), 'bad-link', reason);
  });
});
