/** The identity of a sender or receiver: the SHA-256 of its public key, and how people read and type it. */
import { FtxError } from './errors.js';

/** `sha256:` and 64 hex digits, over the DER of the key's SubjectPublicKeyInfo (RFC 5280, 4.1.2.7). */
export type Fingerprint = `sha256:${string}`;

const FORM = /^sha256:[0-9a-f]{64}$/;
/** RFC 4648 base32 in lower case, in which no digit looks like a letter. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
const GROUPS = 4;
const GROUP_LETTERS = 4;

export function isFingerprint(text: string): text is Fingerprint {
  return FORM.test(text);
}

/** An identity as a user types it. Throws FtxError `usage`. */
export function parseFingerprint(text: string): Fingerprint {
  const lower = text.toLowerCase();
  if (isFingerprint(lower)) return lower;
  throw new FtxError(
    'usage',
    `"${text}" is not an identity: write sha256: and 64 hex digits, as "ftx id" shows it on the other machine.`,
  );
}

/** The first 80 bits as four groups of letters that people can read to each other: `k3mq-x2pa-7hwd-a4nt`. */
export function spellFingerprint(fingerprint: Fingerprint): string {
  const bits = BigInt(`0x${fingerprint.slice('sha256:'.length)}`) >> BigInt(256 - GROUPS * GROUP_LETTERS * 5);
  const letters = Array.from({ length: GROUPS * GROUP_LETTERS }, (_, at) => {
    const shift = BigInt((GROUPS * GROUP_LETTERS - 1 - at) * 5);
    return LETTERS[Number((bits >> shift) & 31n)] ?? '';
  });
  return Array.from({ length: GROUPS }, (_, at) =>
    letters.slice(at * GROUP_LETTERS, (at + 1) * GROUP_LETTERS).join(''),
  ).join('-');
}
