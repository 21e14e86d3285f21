/** What every Source of content promises: call describeSource with a way to make one. */
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import type { Source } from '../../src/core/source.js';
import { makeContent } from '../support/folders.js';

export interface SourceContract {
  /** False for a stream, which can be read only once and from its start. */
  readonly repeatable: boolean;
  make(content: Uint8Array): Promise<Source> | Source;
}

const SIZES: readonly [size: number, why: string][] = [
  [0, 'empty'],
  [1, 'one byte'],
  [1023, 'a chunk less one'],
  [1024, 'a chunk'],
  [1025, 'a chunk and one'],
  [BLOCK_BYTES - 1, 'a block less one'],
  [BLOCK_BYTES, 'a block'],
  [BLOCK_BYTES + 1, 'a block and one'],
  [3 * BLOCK_BYTES + 5, 'several blocks and a tail that is no whole chunk'],
  [4 * BLOCK_BYTES, 'whole blocks, more than are in memory'],
];

export function describeSource(name: string, contract: SourceContract): void {
  describe(`${name} as a Source`, () => {
    it.each(SIZES)('reads %i bytes in blocks, all full but the last (%s)', async (size) => {
      const content = makeContent(size, size + 1);
      const blocks = await copyBlocks(await contract.make(content), 0);
      expect(Buffer.concat(blocks).equals(content)).toBe(true);
      expect(blocks.map((block) => block.length)).toEqual(blockLengths(size));
    });

    it('offers the size of what it holds, or none', async () => {
      const { entry } = await contract.make(makeContent(1025));
      expect(entry).toMatchObject({ kind: 'file', size: contract.repeatable ? 1025 : null });
      expect((entry.mode ?? 0) & ~0o777).toBe(0);
    });

    it('keeps a block valid until the one after the next is asked for', async () => {
      const content = makeContent(5 * BLOCK_BYTES);
      let at = 0;
      let before: Uint8Array | undefined;
      for await (const block of (await contract.make(content)).blocks(0)) {
        await new Promise((resolve) => setImmediate(resolve));
        if (before) expect(content.subarray(at - before.length, at).equals(before)).toBe(true);
        expect(content.subarray(at, at + block.length).equals(block)).toBe(true);
        at += block.length;
        before = block;
      }
    });

    it('can be left early', async () => {
      const source = await contract.make(makeContent(4 * BLOCK_BYTES));
      for await (const block of source.blocks(0)) {
        expect(block.length).toBe(BLOCK_BYTES);
        break;
      }
    });

    if (contract.repeatable) describeRepeatable(contract);
    else {
      it('refuses a second reading, and one from the middle', async () => {
        const source = await contract.make(makeContent(5));
        expect(() => source.blocks(BLOCK_BYTES)).toThrow(expect.objectContaining({ code: 'unsupported' }) as Error);
        await copyBlocks(source, 0);
        expect(() => source.blocks(0)).toThrow(expect.objectContaining({ code: 'unsupported' }) as Error);
      });
    }
  });
}

function describeRepeatable(contract: SourceContract): void {
  it.each([0, 1, 2, 3, 4])('reads from block %i on', async (number) => {
    const content = makeContent(3 * BLOCK_BYTES + 5);
    const blocks = await copyBlocks(await contract.make(content), number * BLOCK_BYTES);
    expect(Buffer.concat(blocks).equals(content.subarray(number * BLOCK_BYTES))).toBe(true);
  });

  it('has nothing to say from its end on', async () => {
    const source = await contract.make(makeContent(1025));
    expect(await copyBlocks(source, 1025)).toEqual([]);
  });

  it('can be read again, and twice at once', async () => {
    const content = makeContent(2 * BLOCK_BYTES + 1);
    const source = await contract.make(content);
    const readings = [copyBlocks(source, 0), copyBlocks(source, BLOCK_BYTES)];
    const [whole, tail] = await Promise.all(readings);
    expect(Buffer.concat(whole!).equals(content)).toBe(true);
    expect(Buffer.concat(tail!).equals(content.subarray(BLOCK_BYTES))).toBe(true);
    expect(Buffer.concat(await copyBlocks(source, 0)).equals(content)).toBe(true);
  });
}

/** The blocks, each in memory of its own. */
export async function copyBlocks(source: Pick<Source, 'blocks'>, from: number): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  for await (const block of source.blocks(from)) blocks.push(Buffer.from(block));
  return blocks;
}

function blockLengths(size: number): number[] {
  const lengths = Array<number>(Math.floor(size / BLOCK_BYTES)).fill(BLOCK_BYTES);
  return size % BLOCK_BYTES === 0 ? lengths : [...lengths, size % BLOCK_BYTES];
}
