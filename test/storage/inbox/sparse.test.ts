/** What the copy of a file with zeros takes on the disk, and that the zeros are zeros. */
import { lstatSync } from 'node:fs';
import { appendFile, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { PartFile } from '../../../src/core/sink.js';
import { DiskFile } from '../../../src/storage/disk/disk-file.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { expectPart, offerFile } from '../../contract/sink.contract.js';
import { makeContent, tempDir } from '../../support/folders.js';

afterEach(() => vi.restoreAllMocks());

const PAGE = 4096;
const PAGES = BLOCK_BYTES / PAGE;
const BLOCKS = 10;
const SIZE = BLOCKS * BLOCK_BYTES;

/** Zeros but for these pages. */
function makeSparse(pages: readonly number[]): Buffer {
  const content = Buffer.alloc(SIZE);
  for (const page of pages) makeContent(PAGE, page + 1).copy(content, page * PAGE);
  return content;
}

async function open(dir: string, peer?: string, size: number | null = SIZE): Promise<PartFile> {
  const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, ...(peer !== undefined && { peer }) });
  return expectPart(await sink.open({ ...offerFile('x', SIZE), size }));
}

async function writeBlocks(part: PartFile, content: Buffer, from = 0, to = BLOCKS): Promise<void> {
  for (let block = from; block < to; block += 1) {
    const offset = block * BLOCK_BYTES;
    await part.write(content.subarray(offset, offset + BLOCK_BYTES), offset);
    part.confirm(offset, BigInt(block));
  }
}

/** Expects the file to have the content, and to take no more than these pages and one for what the file system notes of it. */
async function expectStored(dir: string, content: Buffer, pages: number): Promise<void> {
  expect(await readdir(dir)).toEqual(['x']);
  expect((await readFile(join(dir, 'x'))).equals(content)).toBe(true);
  expect(lstatSync(join(dir, 'x')).blocks * 512).toBeLessThanOrEqual((pages + 1) * PAGE);
}

describe('pages of zeros take no room', () => {
  it.each<[string, readonly number[]]>([
    ['in a file of nothing else', []],
    ['after the first page', [0]],
    ['before the last page', [BLOCKS * PAGES - 1]],
    ['between islands', [1, 3, 500, 501, 502, 2000]],
  ])('%s', async (_, pages) => {
    for (const size of [SIZE, null]) {
      const [dir, content] = [await tempDir(), makeSparse(pages)];
      const part = await open(dir, undefined, size);
      await writeBlocks(part, content);
      expect(await part.commit(SIZE)).toEqual({ as: 'x' });
      await expectStored(dir, content, pages.length);
    }
  });

  it('when the transfer breaks off between them and goes on', async () => {
    const [dir, content] = [await tempDir(), makeSparse([0, 1000])];
    for (const [from, to] of [
      [0, 2],
      [2, 5],
      [5, 6],
    ] as const) {
      const part = await open(dir, 'peer');
      expect(part.durable).toHaveLength(from);
      expect('readAgain' in part).toBe(false);
      await writeBlocks(part, content, from, to);
      await part.suspend();
    }
    const part = await open(dir, 'peer');
    expect(part.durable).toHaveLength(6);
    await writeBlocks(part, content, 6);
    await part.commit(SIZE);
    await expectStored(dir, content, 2);
  });

  it('after a tail that a killed process has left', async () => {
    const [dir, content] = [await tempDir(), makeSparse([0])];
    const left = await open(dir, 'peer');
    await writeBlocks(left, content, 0, 3);
    await left.suspend();
    await appendFile(await findPart(dir), makeContent(3 * BLOCK_BYTES));
    const part = await open(dir, 'peer');
    await writeBlocks(part, content, 3);
    await part.commit(SIZE);
    await expectStored(dir, content, 1);
  });
});

describe('zeros are written', () => {
  it('over what came before, as when a block has come damaged', async () => {
    const [dir, content] = [await tempDir(), makeSparse([700])];
    const part = await open(dir);
    await part.write(makeContent(BLOCK_BYTES), 0);
    await writeBlocks(part, content);
    await part.commit(SIZE);
    await expectStored(dir, content, PAGES + 1);
  });

  it('over a block of an earlier session, also one after a gap', async () => {
    const [dir, content] = [await tempDir(), makeSparse([])];
    const left = await open(dir, 'peer');
    const before = makeContent(SIZE);
    await writeBlocks(left, before, 0, 2);
    await writeBlocks(left, before, 3, 4);
    await left.suspend();
    const part = await open(dir, 'peer');
    expect(part.durable).toHaveLength(2);
    await writeBlocks(part, content);
    await part.commit(SIZE);
    await expectStored(dir, content, 4 * PAGES);
  });

  it('and cut nothing off that comes while the file gets their length', async () => {
    const [dir, content] = [await tempDir(), makeSparse([9 * PAGES])];
    const part = await open(dir, 'peer');
    await writeBlocks(part, content, 0, 9);
    let go: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    const truncate = vi.spyOn(DiskFile.prototype, 'truncate');
    const begun = new Promise<void>((resolve) =>
      truncate.mockImplementationOnce(async function (this: DiskFile, length) {
        resolve();
        await held;
        await this.truncate(length);
      }),
    );
    const suspended = part.suspend();
    await begun;
    const write = vi.spyOn(DiskFile.prototype, 'write');
    const writing = part.write(content.subarray(9 * BLOCK_BYTES, 9 * BLOCK_BYTES + PAGE), 9 * BLOCK_BYTES);
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    expect(write).not.toHaveBeenCalled();
    go();
    await Promise.all([writing, suspended]);
    const left = await readFile(await findPart(dir));
    expect(left.equals(content.subarray(0, 9 * BLOCK_BYTES + PAGE))).toBe(true);
  });
});

it('a block after a gap, of which the journal knows, stays as it is', async () => {
  const [dir, content] = [await tempDir(), makeContent(SIZE)];
  const left = await open(dir, 'peer');
  await writeBlocks(left, content, 0, 2);
  await writeBlocks(left, content, 3, 4);
  await left.suspend();
  const part = await open(dir, 'peer');
  await writeBlocks(part, content, 2, 3);
  // Block 3 came damaged, and was not written.
  await writeBlocks(part, content, 4, 5);
  await part.suspend();
  const last = await open(dir, 'peer');
  expect(last.durable).toEqual([0n, 1n, 2n, 3n, 4n]);
  await writeBlocks(last, content, 5);
  await last.commit(SIZE);
  await expectStored(dir, content, BLOCKS * PAGES);
});

async function findPart(dir: string): Promise<string> {
  const name = (await readdir(dir)).find((found) => found.endsWith('.part'));
  return join(dir, name ?? '');
}
