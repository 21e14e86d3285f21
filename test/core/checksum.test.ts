import { describe, expect, it } from 'vitest';
import { createFileDigest, digestBlock, formatDigest } from '../../src/core/checksum.js';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('digests', () => {
  // From the reference implementation, `xxhsum -H1`.
  it.each([
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['hello', '26c7827d889f6da3'],
  ])('of %j is %s', (text, digest) => {
    expect(formatDigest(digestBlock(bytes(text)))).toBe(digest);
  });

  it('of an empty file is XXH64 of nothing', () => {
    expect(createFileDigest().value()).toBe('ef46db3751d8e999');
  });

  it('of a file of one block is that of the block', () => {
    const file = createFileDigest();
    file.add(digestBlock(bytes('hello')));
    expect(file.value()).toBe('26c7827d889f6da3');
  });

  it('of more blocks is XXH64 of their digests, big-endian, in order', () => {
    const digests = [0x0123456789abcdefn, 1n, 2n ** 64n - 1n];
    const file = createFileDigest();
    for (const digest of digests) file.add(digest);
    const joined = Buffer.from(digests.map(formatDigest).join(''), 'hex');
    expect(file.value()).toBe(formatDigest(digestBlock(joined)));
  });

  it('keeps leading zeros', () => {
    expect(formatDigest(0xffn)).toBe('00000000000000ff');
  });
});
