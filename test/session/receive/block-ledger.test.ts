import { describe, expect, it } from 'vitest';
import { createFileDigest } from '../../../src/core/checksum.js';
import { FtxError } from '../../../src/core/errors.js';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import { createBlockLedger, type ArrivedBlock, type BlockLedger } from '../../../src/session/receive/block-ledger.js';

const block = (number: number, intact = true, length = BLOCK_BYTES): ArrivedBlock => ({
  offset: number * BLOCK_BYTES,
  length,
  digest: BigInt(number + 1),
  intact,
});

function codeOfNote(ledger: BlockLedger, arrived: ArrivedBlock): string | undefined {
  try {
    ledger.expect(arrived);
    ledger.note(arrived);
    return undefined;
  } catch (error) {
    return (error as FtxError).code;
  }
}

describe('a ledger', () => {
  it('keeps blocks in order and sums their digests', () => {
    const ledger = createBlockLedger(2 * BLOCK_BYTES + 5);
    const digest = createFileDigest();
    for (const arrived of [block(0), block(1), block(2, true, 5)]) {
      expect(ledger.note(arrived)).toBe('keep');
      digest.add(arrived.digest);
    }
    expect(ledger.reached()).toBe(2 * BLOCK_BYTES + 5);
    expect(ledger.bytes()).toBe(2 * BLOCK_BYTES + 5);
    expect(ledger.isComplete()).toBe(true);
    expect(ledger.digest()).toBe(digest.value());
  });

  it('sums digests in the order of offsets, whatever the order of arrival', () => {
    const ledger = createBlockLedger(3 * BLOCK_BYTES);
    expect(ledger.note(block(0, false))).toBe('again');
    ledger.note(block(1));
    ledger.note(block(2));
    expect(ledger.isComplete()).toBe(false);
    ledger.note(block(0));
    expect(ledger.isComplete()).toBe(true);
    const digest = createFileDigest();
    for (const number of [1n, 2n, 3n]) digest.add(number);
    expect(ledger.digest()).toBe(digest.value());
  });

  it('asks three times for a block and then fails', () => {
    const ledger = createBlockLedger(BLOCK_BYTES);
    for (let time = 0; time < 3; time++) expect(ledger.note(block(0, false))).toBe('again');
    expect(codeOfNote(ledger, block(0, false))).toBe('checksum');
  });

  it('takes a short last block again, of a stream too', () => {
    const ledger = createBlockLedger(null);
    expect(ledger.note(block(0, false, 7))).toBe('again');
    expect(codeOfNote(ledger, block(0, true, 8))).toBe('protocol');
    expect(ledger.note(block(0, true, 7))).toBe('keep');
  });

  it.each([
    ['past the end', BLOCK_BYTES, block(1)],
    ['too short within', 2 * BLOCK_BYTES, block(0, true, 5)],
    ['too long at the end', 5, block(0, true, 6)],
    ['ahead of its turn', 3 * BLOCK_BYTES, block(1)],
    ['that is not at a boundary', 3 * BLOCK_BYTES, { ...block(0), offset: 1024 }],
  ])('refuses a block %s', (_, size, arrived) => {
    expect(codeOfNote(createBlockLedger(size), arrived)).toBe('protocol');
  });

  it('refuses a block that is here already', () => {
    const ledger = createBlockLedger(2 * BLOCK_BYTES);
    ledger.note(block(0));
    expect(codeOfNote(ledger, block(0))).toBe('protocol');
  });

  it('refuses anything behind the short block of a stream', () => {
    const ledger = createBlockLedger(null);
    ledger.note(block(0, true, 5));
    expect(codeOfNote(ledger, { ...block(0), offset: 5 })).toBe('protocol');
  });

  describe('that goes on with what an earlier session left', () => {
    const size = 3 * BLOCK_BYTES + 5;
    const resumed = () => createBlockLedger(size, [11n, 12n]);

    it('expects what is missing, and sums the digests of all', () => {
      const ledger = resumed();
      expect(ledger.reached()).toBe(2 * BLOCK_BYTES);
      ledger.note(block(2));
      ledger.note(block(3, true, 5));
      const digest = createFileDigest();
      for (const value of [11n, 12n, 3n, 4n]) digest.add(value);
      expect(ledger.digest()).toBe(digest.value());
      expect(ledger.bytes()).toBe(size);
    });

    it('takes each block that was there once more, and no other', () => {
      const ledger = resumed();
      expect(codeOfNote(ledger, block(1))).toBeUndefined();
      expect(codeOfNote(ledger, block(1))).toBe('protocol');
      expect(codeOfNote(ledger, block(0, true, 5))).toBe('protocol');
      expect(codeOfNote(ledger, block(3, true, 5))).toBe('protocol');
      expect(ledger.bytes()).toBe(2 * BLOCK_BYTES);
    });

    it('misses a block that was there when its replacement arrives damaged', () => {
      const ledger = resumed();
      expect(ledger.note(block(0, false))).toBe('again');
      expect(ledger.isComplete()).toBe(false);
      expect(codeOfNote(ledger, block(0))).toBeUndefined();
      expect(ledger.isComplete()).toBe(true);
    });

    it('may have all of the file, its short last block too', () => {
      const ledger = createBlockLedger(BLOCK_BYTES + 5, [1n, 2n]);
      expect(ledger.reached()).toBe(BLOCK_BYTES + 5);
      expect(ledger.isComplete()).toBe(true);
    });
  });
});
