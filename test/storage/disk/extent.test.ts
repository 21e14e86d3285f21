import { lstat, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createExtent, cutTail, type Extent } from '../../../src/storage/disk/extent.js';
import { tempDir } from '../../support/folders.js';

const PAGE = 4096;

/** A block of pages, one for each sign: `0` is zeros, `.` is zeros but for the first byte, `_` but for the last, `x` is full. */
function pages(signs: string, rest = 0): Buffer {
  const block = Buffer.alloc(signs.length * PAGE + rest);
  for (const [at, sign] of Array.from(signs).entries()) {
    if (sign === 'x') block.fill(7, at * PAGE, (at + 1) * PAGE);
    if (sign === '.') block[at * PAGE] = 7;
    if (sign === '_') block[(at + 1) * PAGE - 1] = 7;
  }
  return block;
}

/** The pages from and to which the pieces go; `all` for a block as it is. */
function take(extent: Extent, block: Buffer, offset = 0) {
  const pieces = extent.take(block, offset);
  return pieces?.map(({ bytes, offset: at }) => [at / PAGE, (at + bytes.length) / PAGE]) ?? 'all';
}

describe('a block', () => {
  it.each<[string, string, unknown]>([
    ['without zeros', 'xxx', 'all'],
    ['of zeros', '000', []],
    ['that ends in zeros', 'xx0', [[0, 2]]],
    ['that begins with zeros', '0xx', [[1, 3]]],
    [
      'with zeros inside',
      'x00x',
      [
        [0, 1],
        [3, 4],
      ],
    ],
    [
      'of every other page',
      'x0x0',
      [
        [0, 1],
        [2, 3],
      ],
    ],
    ['with one byte at the start of a page', '0.0', [[1, 2]]],
    ['with one byte at the end of a page', '0_0', [[1, 2]]],
  ])('%s is written without its pages of zeros', (_, signs, expected) => {
    expect(take(createExtent(0), pages(signs))).toEqual(expected);
  });

  it('is written whole where something was written before', () => {
    const extent = createExtent(0);
    take(extent, pages('xx'));
    expect(take(extent, pages('00'))).toBe('all');
    expect(take(extent, pages('000'), PAGE)).toBe('all');
    expect(take(extent, pages('0'), 4 * PAGE)).toEqual([]);
    expect(take(createExtent(2 * PAGE), pages('0'), PAGE)).toBe('all');
  });

  it('keeps the zeros that are no whole page', () => {
    expect(take(createExtent(0), pages('0', 100))).toEqual([[1, 1 + 100 / PAGE]]);
    expect(take(createExtent(0), pages('', 100))).toBe('all');
    expect(take(createExtent(0), pages('00'), 100)).toEqual([
      [100 / PAGE, 1],
      [2, 2 + 100 / PAGE],
    ]);
  });
});

describe('zeros', () => {
  it.each([
    [0, 0, 8, 0],
    [4, 4, 8, 0],
    [4, 0, 8, 4],
    [4, 0, 3, 3],
    [4, 3, 8, 1],
    [4, 9, 8, 0],
  ])('after %i bytes, from byte %i on, %i of them: %i are written', (bytes, offset, length, written) => {
    expect(createExtent(bytes).takeZeros(length, offset)).toBe(written);
  });

  it('at the end make a gap, which is told once', () => {
    const extent = createExtent(0);
    expect(extent.takeGap()).toBeUndefined();
    take(extent, pages('x0'));
    expect(extent.takeGap()).toBe(2 * PAGE);
    expect(extent.takeGap()).toBeUndefined();
    extent.takeZeros(5, 2 * PAGE);
    expect(extent.takeGap()).toBe(2 * PAGE + 5);
    extent.takeZeros(5, 2 * PAGE + 5);
    take(extent, pages('x'), 3 * PAGE);
    expect(extent.takeGap()).toBeUndefined();
  });
});

it('whatever is taken, the file holds it, and no page of zeros is written that need not be', () => {
  const step = fc.record({
    signs: fc.string({ unit: fc.constantFrom('0', '0', 'x', '.', '_'), minLength: 1, maxLength: 5 }),
    back: fc.nat(6),
    isRun: fc.boolean(),
    isRewrite: fc.boolean(),
    doesStretch: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.nat(3), (steps, begin) => {
      const disk = Buffer.alloc(100 * PAGE);
      // What an earlier session has left.
      disk.fill(9, 0, begin * PAGE);
      const wanted = Buffer.from(disk);
      let [length, end] = [begin, begin];
      const extent = createExtent(begin * PAGE);
      for (const { signs, back, isRun, isRewrite, doesStretch } of steps) {
        const at = isRewrite ? Math.max(0, end - back) : end;
        const block = pages(isRun ? '0'.repeat(signs.length) : signs);
        block.copy(wanted, at * PAGE);
        if (isRun) {
          const written = extent.takeZeros(block.length, at * PAGE) / PAGE;
          expect(written).toBe(Math.min(signs.length, end - at));
          disk.fill(0, at * PAGE, (at + written) * PAGE);
          if (written > 0) length = Math.max(length, at + written);
        } else
          for (const { bytes, offset } of extent.take(block, at * PAGE) ?? [{ bytes: block, offset: at * PAGE }]) {
            disk.set(bytes, offset);
            length = Math.max(length, (offset + bytes.length) / PAGE);
            if (at < end) continue;
            for (let page = 0; page < bytes.length; page += PAGE)
              expect(bytes.subarray(page, page + PAGE).some((byte) => byte !== 0)).toBe(true);
          }
        end = Math.max(end, at + signs.length);
        const gap = doesStretch ? extent.takeGap() : undefined;
        expect(gap === undefined || gap >= length * PAGE).toBe(true);
        if (gap !== undefined) length = gap / PAGE;
      }
      const gap = extent.takeGap();
      expect((gap ?? length * PAGE) / PAGE).toBe(end);
      expect(disk.equals(wanted)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

describe('the tail of a file', () => {
  it.each([
    [10, 4, 4],
    [4, 4, 4],
    [3, 4, 3],
  ])('of %i bytes is cut off beyond %i', async (size, bytes, left) => {
    const file = join(await tempDir(), 'x');
    await writeFile(file, Buffer.alloc(size, 1));
    expect(await cutTail(file, bytes)).toBe(left);
    expect(await readFile(file)).toEqual(Buffer.alloc(left, 1));
  });

  it('is left alone behind a link', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'x'), 'content');
    await symlink('x', join(dir, 'link'));
    await expect(cutTail(join(dir, 'link'), 1)).rejects.toMatchObject({ code: 'ELOOP' });
    expect((await lstat(join(dir, 'x'))).size).toBe(7);
  });
});
