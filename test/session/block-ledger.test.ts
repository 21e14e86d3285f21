import { describe, expect, it } from 'vitest';
import { createFileDigest } from '../../src/checksum.js';
import { FtxError } from '../../src/errors.js';
import { BLOCK_BYTES } from '../../src/ports.js';
import { createBlockLedger, type ArrivedBlock, type BlockLedger } from '../../src/session/block-ledger.js';

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

  it('holds a bounded number of digests behind a missing block', () => {
    const ledger = createBlockLedger(5000 * BLOCK_BYTES);
    ledger.note(block(0, false));
    for (let number = 1; number <= 1024; number++) ledger.note(block(number));
    expect(codeOfNote(ledger, block(1025))).toBe('checksum');
    expect(codeOfNote(ledger, block(0))).toBeUndefined();
  });
});
