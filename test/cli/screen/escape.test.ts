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

  it('leaves text that is already escaped as it is', () => {
    fc.assert(fc.property(hostileText, (text) => escapeText(escapeText(text)) === escapeText(text)));
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
