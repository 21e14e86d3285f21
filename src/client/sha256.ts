/** SHA-256 of Node, for the proofs of the sender. */
import { createHash } from 'node:crypto';
import type { Sha256 } from '../core/sha256.js';

export function createSha256(): Sha256 {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
}
