import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeText, toJsonLine } from '../../../src/cli/screen/escape.js';

// Spelled out on purpose: the code names Unicode properties, this names the characters.
const FORBIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

const units = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter((unit) =>
  FORBIDDEN.test(unit),
);
const hostileText = fc.string({
  unit: fc.oneof(fc.constantFrom(...units), fc.string({ unit: 'binary', maxLength: 1 })),
});

describe('escapeText', () => {
  it.each([
    ['photo.jpg', 'photo.jpg'],
    ['Grüße 日本語 😀 ❤️.txt', 'Grüße 日本語 😀 ❤️.txt'],
    ['a\x1b[2Jb', 'a\\x1b[2Jb'],
    ['line\nbreak\r', 'line\\x0abreak\\x0d'],
    ['\x7f\x9b', '\\x7f\\x9b'],
    ['evil\u202egpj.exe', 'evil\\u{202e}gpj.exe'],
    ['\u2066\u2069\u200e\u200f\u061c', '\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{061c}'],
    ['\u202a\u202b\u202c\u202d\u202e', '\\u{202a}\\u{202b}\\u{202c}\\u{202d}\\u{202e}'],
    ['\u2066\u2067\u2068\u2069', '\\u{2066}\\u{2067}\\u{2068}\\u{2069}'],
    ['\u2028\u2029\ufeff\u200b', '\\u{2028}\\u{2029}\\u{feff}\\u{200b}'],
    ['\ud83d alone \ude00', '\\u{d83d} alone \\u{de00}'],
    ['tag \u{e0041}', 'tag \\u{e0041}'],
  ])('%j is shown as %s', (text, shown) => {
    expect(escapeText(text)).toBe(shown);
  });

  it('lets nothing through that a terminal would obey or hide', () => {
    fc.assert(fc.property(hostileText, (text) => !FORBIDDEN.test(escapeText(text))));
  });

  it('shows every path whole, and cuts longer text', () => {
    const path = 'x'.repeat(4096);
    expect(escapeText(path)).toBe(path);
    expect(escapeText('\x1b'.repeat(100_000)).length).toBeLessThan(20_000);
  });

  it.each([
    ['a control character', '\r', '\\x0d'],
    ['a bidirectional override', '\u202e', '\\u{202e}'],
    ['a backslash', '\\', '\\\\'],
  ])('shows %s and the text that it is shown as apart', (_what, character, spelled) => {
    expect(escapeText(character)).toBe(spelled);
    expect(escapeText(spelled)).toBe(spelled.replaceAll('\\', '\\\\'));
  });

  it('shows no two texts alike', () => {
    const close = fc.string({
      unit: fc.constantFrom('\\', 'x', '0', 'd', '\r', 'u', '{', '}', '\u202e'),
      maxLength: 6,
    });
    const unescape = (text: string) =>
      text.replace(/\\(?:\\|x(..)|u\{(.+?)\})/g, (_all, two: string | undefined, more: string | undefined) =>
        two === undefined && more === undefined ? '\\' : String.fromCodePoint(parseInt(two ?? more ?? '', 16)),
      );
    fc.assert(fc.property(fc.oneof(close, hostileText), (text) => unescape(escapeText(text)) === text));
  });
});

describe('toJsonLine', () => {
  it('begins with version and type', () => {
    expect(toJsonLine({ session: 1, type: 'done' } as never)).toBe('{"v":1,"type":"done","session":1}');
  });

  it('writes a bigint as a string', () => {
    expect(toJsonLine({ type: 'x', n: 2n ** 60n } as never)).toBe('{"v":1,"type":"x","n":"1152921504606846976"}');
  });

  it('is one harmless line that parses back to the same', () => {
    fc.assert(
      fc.property(hostileText, hostileText, (path, message) => {
        const line = toJsonLine({ type: 'failed', path, message, [message]: [path] } as never);
        expect(FORBIDDEN.test(line)).toBe(false);
        expect(JSON.parse(line)).toEqual({ v: 1, type: 'failed', path, message, [message]: [path] });
      }),
    );
  });
});
