import { describe, expect, it } from 'vitest';
import { createFileDigest } from '../../../src/core/checksum.js';
import { FtxError } from '../../../src/core/errors.js';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import { createBlockMap, type ArrivedBlock, type BlockMap } from '../../../src/session/receive/block-map.js';

const block = (number: number, intact = true, length = BLOCK_BYTES): ArrivedBlock => ({
  offset: number * BLOCK_BYTES,
  length,
  digest: BigInt(number + 1),
  intact,
});

function codeOfNote(map: BlockMap, arrived: ArrivedBlock): string | undefined {
  try {
    map.assertDue(arrived);
    map.note(arrived);
    return undefined;
  } catch (error) {
    return (error as FtxError).code;
  }
}

describe('a block map', () => {
  it('keeps blocks in order and sums their digests', () => {
    const map = createBlockMap(2 * BLOCK_BYTES + 5);
    const digest = createFileDigest();
    for (const arrived of [block(0), block(1), block(2, true, 5)]) {
      expect(map.note(arrived)).toBe('keep');
      digest.add(arrived.digest);
    }
    expect(map.reached()).toBe(2 * BLOCK_BYTES + 5);
    expect(map.bytes()).toBe(2 * BLOCK_BYTES + 5);
    expect(map.isComplete()).toBe(true);
    expect(map.digest()).toBe(digest.value());
  });

  it('sums digests in the order of offsets, whatever the order of arrival', () => {
    const map = createBlockMap(3 * BLOCK_BYTES);
    expect(map.note(block(0, false))).toBe('again');
    map.note(block(1));
    map.note(block(2));
    expect(map.isComplete()).toBe(false);
    map.note(block(0));
    expect(map.isComplete()).toBe(true);
    const digest = createFileDigest();
    for (const number of [1n, 2n, 3n]) digest.add(number);
    expect(map.digest()).toBe(digest.value());
  });

  it('asks three times for a block and then fails', () => {
    const map = createBlockMap(BLOCK_BYTES);
    for (let time = 0; time < 3; time++) expect(map.note(block(0, false))).toBe('again');
    expect(codeOfNote(map, block(0, false))).toBe('checksum');
  });

  it('takes a short last block again, of a stream too', () => {
    const map = createBlockMap(null);
    expect(map.note(block(0, false, 7))).toBe('again');
    expect(codeOfNote(map, block(0, true, 8))).toBe('protocol');
    expect(map.note(block(0, true, 7))).toBe('keep');
  });

  it.each([
    ['past the end', BLOCK_BYTES, block(1)],
    ['too short within', 2 * BLOCK_BYTES, block(0, true, 5)],
    ['too long at the end', 5, block(0, true, 6)],
    ['ahead of its turn', 3 * BLOCK_BYTES, block(1)],
    ['that is not at a boundary', 3 * BLOCK_BYTES, { ...block(0), offset: 1024 }],
  ])('refuses a block %s', (_, size, arrived) => {
    expect(codeOfNote(createBlockMap(size), arrived)).toBe('protocol');
  });

  it('refuses a block that is here already', () => {
    const map = createBlockMap(2 * BLOCK_BYTES);
    map.note(block(0));
    expect(codeOfNote(map, block(0))).toBe('protocol');
  });

  it('refuses anything behind the short block of a stream', () => {
    const map = createBlockMap(null);
    map.note(block(0, true, 5));
    expect(codeOfNote(map, { ...block(0), offset: 5 })).toBe('protocol');
  });

  describe('of a file that an earlier session left in part', () => {
    const size = 3 * BLOCK_BYTES + 5;
    const resumed = () => createBlockMap(size, [11n, 12n]);

    it('expects what is missing, and sums the digests of all', () => {
      const map = resumed();
      expect(map.reached()).toBe(2 * BLOCK_BYTES);
      map.note(block(2));
      map.note(block(3, true, 5));
      const digest = createFileDigest();
      for (const value of [11n, 12n, 3n, 4n]) digest.add(value);
      expect(map.digest()).toBe(digest.value());
      expect(map.bytes()).toBe(size);
    });

    it('takes each block that was there once more, and no other', () => {
      const map = resumed();
      expect(codeOfNote(map, block(1))).toBeUndefined();
      expect(codeOfNote(map, block(1))).toBe('protocol');
      expect(codeOfNote(map, block(0, true, 5))).toBe('protocol');
      expect(codeOfNote(map, block(3, true, 5))).toBe('protocol');
      expect(map.bytes()).toBe(2 * BLOCK_BYTES);
    });

    it('misses a block that was there when its replacement arrives damaged', () => {
      const map = resumed();
      expect(map.note(block(0, false))).toBe('again');
      expect(map.isComplete()).toBe(false);
      expect(codeOfNote(map, block(0))).toBeUndefined();
      expect(map.isComplete()).toBe(true);
    });

    it('may have all of the file, its short last block too', () => {
      const map = createBlockMap(BLOCK_BYTES + 5, [1n, 2n]);
      expect(map.reached()).toBe(BLOCK_BYTES + 5);
      expect(map.isComplete()).toBe(true);
    });
  });
});
