/** The digests of PROTOCOL.md section 6, written a second time and straight from the page. */
import xxhash from 'xxhash-wasm';
import { BLOCK_BYTES } from '../../src/core/entry.js';

/** XXH64 as 16 hex digits. */
export async function blockDigest(content: Uint8Array): Promise<string> {
  const hash = await xxhash();
  return hex(hash.h64Raw(content));
}

export async function fileDigest(content: Uint8Array): Promise<string> {
  const hash = await xxhash();
  if (content.length <= BLOCK_BYTES) return hex(hash.h64Raw(content));
  const digests = Buffer.alloc(8 * Math.ceil(content.length / BLOCK_BYTES));
  for (let at = 0, i = 0; at < content.length; at += BLOCK_BYTES, i++) {
    digests.writeBigUInt64BE(hash.h64Raw(content.subarray(at, at + BLOCK_BYTES)), 8 * i);
  }
  return hex(hash.h64Raw(digests));
}

function hex(digest: bigint): string {
  return digest.toString(16).padStart(16, '0');
}
