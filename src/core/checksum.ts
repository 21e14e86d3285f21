/** Digests as PROTOCOL.md section 6 defines them: XXH64, seed 0. */
import xxhash from 'xxhash-wasm';

const xxh = await xxhash();

const DIGEST_BYTES = 8;

/** XXH64 of a block of at most 1 MiB: the memory of the WASM module grows to the largest block it gets, and never shrinks. */
export function digestBlock(block: Uint8Array): bigint {
  return xxh.h64Raw(block);
}

/** XXH64 of a text, for tables in memory. */
export function hashText(text: string, seed: bigint): bigint {
  return xxh.h64(text, seed);
}

export interface BlockDigest {
  update(piece: Uint8Array): void;
  value(): bigint;
}

/** Computes the digest of a block that comes in pieces. */
export function createBlockDigest(): BlockDigest {
  const hash = xxh.create64();
  return { update: (piece) => void hash.update(piece), value: () => hash.digest() };
}

/** A digest as 16 lower-case hex digits. */
export function formatDigest(digest: bigint): string {
  return digest.toString(16).padStart(2 * DIGEST_BYTES, '0');
}

export interface FileDigest {
  /** Adds the digest of the next block, in order. */
  add(blockDigest: bigint): void;
  /** The digest of the file so far, 16 hex digits. */
  value(): string;
}

/** Builds the digest of a file from the digests of its blocks. */
export function createFileDigest(): FileDigest {
  const hash = xxh.create64();
  const bytes = new Uint8Array(DIGEST_BYTES);
  const view = new DataView(bytes.buffer);
  let count = 0;
  let first = 0n;
  return {
    add(blockDigest) {
      if (count === 0) first = blockDigest;
      count += 1;
      view.setBigUint64(0, blockDigest);
      hash.update(bytes);
    },
    value: () => formatDigest(count === 1 ? first : hash.digest()),
  };
}
