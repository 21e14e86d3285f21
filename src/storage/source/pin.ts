/** The pin of a file: what the sender vouches for it with. */
import { createHmac } from 'node:crypto';
import type { BigIntStats } from 'node:fs';

const PIN_CHARS = 32;
/** A file that changed this shortly ago could change again without a new time. */
const SETTLED_NS = 2_000_000_000n;

/**
 * 16 bytes of an HMAC-SHA-256 over inode, size and times of a file, in hex: after any change of the file, and for any
 * other file, it is another one, and nobody without the key can tell what it stands for. Undefined for a file that
 * changed less than two seconds ago.
 */
export function pinOf(
  { ino, size, mtimeNs, ctimeNs }: BigIntStats,
  key: Buffer,
  nowMs = Date.now(),
): string | undefined {
  if (ctimeNs > BigInt(nowMs) * 1_000_000n - SETTLED_NS) return undefined;
  return createHmac('sha256', key).update([ino, size, mtimeNs, ctimeNs].join(' ')).digest('hex').slice(0, PIN_CHARS);
}
