import { Readable, PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import { streamSource } from '../../../src/storage/source/stream-source.js';
import { refusal } from '../../contract/sink.contract.js';
import { copyBlocks, describeSource } from '../../contract/source.contract.js';
import { makeContent } from '../../support/folders.js';

function readInPieces(content: Uint8Array, bytes: number): Readable {
  const pieces = function* (): Generator<Uint8Array> {
    for (let at = 0; at < content.length; at += bytes) yield content.subarray(at, at + bytes);
  };
  return Readable.from(pieces(), { objectMode: false });
}

describeSource('the stream source', {
  repeatable: false,
  make: (content) => streamSource(readInPieces(content, 65_536), 'x'),
});

describe('streamSource', () => {
  it('makes full blocks of pieces of any length', async () => {
    const content = makeContent(2 * BLOCK_BYTES + 77);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 5000, max: 3 * BLOCK_BYTES }), async (bytes) => {
        const blocks = await copyBlocks(streamSource(readInPieces(content, bytes), 'x'), 0);
        expect(blocks.map((block) => block.length)).toEqual([BLOCK_BYTES, BLOCK_BYTES, 77]);
        expect(Buffer.concat(blocks).equals(content)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('takes text', async () => {
    const blocks = await copyBlocks(streamSource(Readable.from(['grün', '', 'blau']), 'x'), 0);
    expect(Buffer.concat(blocks).toString()).toBe('grünblau');
  });

  it('reads no more than two blocks ahead of a consumer that waits', async () => {
    let pulled = 0;
    const piece = Buffer.alloc(65_536);
    const endless = new Readable({
      read() {
        pulled += piece.length;
        this.push(piece);
      },
    });
    const blocks = streamSource(endless, 'x').blocks(0)[Symbol.asyncIterator]();
    await blocks.next();
    // Until the reader has come to rest: nothing more is pulled in a whole round of the event loop.
    for (let before = -1; before !== pulled;) {
      before = pulled;
      for (let round = 0; round < 100; round++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(pulled).toBeGreaterThan(BLOCK_BYTES);
    expect(pulled).toBeLessThan(2.5 * BLOCK_BYTES);
    await blocks.return?.();
    expect(endless.destroyed).toBe(true);
  });

  it('can be left while nothing comes', async () => {
    const silent = new PassThrough();
    silent.write(Buffer.alloc(BLOCK_BYTES));
    for await (const block of streamSource(silent, 'x').blocks(0)) {
      expect(block.length).toBe(BLOCK_BYTES);
      break;
    }
    expect(silent.destroyed).toBe(true);
  });

  it('says that the stream failed', async () => {
    const broken = new Readable({
      read() {
        this.destroy(new Error('pipe burst'));
      },
    });
    const reading = copyBlocks(streamSource(broken, 'dump.sql'), 0);
    await expect(reading).rejects.toThrow(refusal('io'));
    await expect(reading).rejects.toThrow('dump.sql: the stream cannot be read (pipe burst).');
  });
});
