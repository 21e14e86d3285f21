import { readFileSync } from 'node:fs';

const WIRE = new URL('../../fixtures/wire/', import.meta.url);

/** The bytes of annotated hex: `#` begins a comment. */
export function parseHex(text: string): Buffer {
  return Buffer.from(text.replace(/#.*$/gm, '').replace(/\s+/g, ''), 'hex');
}

export function readFixtureText(name: string): string {
  return readFileSync(new URL(`${name}.hex`, WIRE), 'utf8');
}
