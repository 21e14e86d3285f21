/** Hostile text made safe to show: names and messages of peers, for a terminal and for JSON lines. */

/**
 * Characters that a terminal would obey or hide: controls, bidirectional
 * overrides, line separators, invisible characters, lone surrogates. Variation
 * selectors are not among them, because they only choose how the emoji before
 * them looks.
 */
const DANGEROUS = /(?![\u{fe0e}\u{fe0f}])[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const DANGEROUS_OR_BACKSLASH = new RegExp(`\\\\|${DANGEROUS.source}`, 'gu');

/** Most text has none of them, and this shows it ten times as fast. */
const PLAIN = /^[\x20-\x7e]*$/;

/** As long as the longest path of Linux. A longer text is there to flood a log. */
const MAX_SHOWN_CHARACTERS = 4096;

/** Text for people: dangerous characters as `\x1b` or `\u{202e}`, and a backslash as two, so that no name looks like another one. */
export function escapeText(text: string): string {
  const shown = text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text;
  return shown.replace(DANGEROUS_OR_BACKSLASH, (character) => {
    if (character === '\\') return '\\\\';
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`;
  });
}

/** One line of `--json`: `v` and `type` first, the same characters as JSON escapes; a bigint becomes a string. */
export function toJsonLine(event: { readonly type: string }): string {
  const { type, ...rest } = event;
  const json = JSON.stringify({ v: 1, type, ...rest }, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  if (PLAIN.test(json)) return json;
  // All of these characters are inside JSON strings: outside of them, JSON has ASCII punctuation and digits only.
  return json.replace(DANGEROUS, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${hex(character.charCodeAt(at), 4)}`).join(''),
  );
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
