import { constants } from 'node:fs';
import { open, readFile, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import { createBlockWriter, type BlockWriter } from '../../../src/storage/disk/block-writer.js';
import { toAlignedMemory } from '../../support/aligned-memory.js';
import { makeContent, tempDir } from '../../support/folders.js';

const { O_DIRECT } = constants as { O_DIRECT?: number };

let path: string;
let handle: FileHandle;
let writer: BlockWriter;

beforeEach(async () => {
  path = join(await tempDir(), 'file');
  handle = await open(path, 'wx+');
  writer = createBlockWriter(handle);
  return async () => {
    await writer.close();
    await handle.close();
  };
});

/** Whether this process has the file open past the page cache. */
async function isOpenDirectly(): Promise<boolean> {
  for (const fd of await readdir('/proc/self/fd')) {
    if ((await readlink(`/proc/self/fd/${fd}`).catch(() => '')) !== path) continue;
    const flags = /^flags:\s*([0-7]+)/m.exec(await readFile(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    if (O_DIRECT !== undefined && (parseInt(flags ?? '0', 8) & O_DIRECT) !== 0) return true;
  }
  return false;
}

async function allowsDirect(): Promise<boolean> {
  if (O_DIRECT === undefined) return false;
  const other = await open(`${path}-probe`, constants.O_CREAT | constants.O_WRONLY | O_DIRECT).catch(() => undefined);
  await other?.close();
  return other !== undefined;
}

describe('a block writer', () => {
  it('writes large aligned blocks past the page cache', async ({ skip }) => {
    if (!(await allowsDirect())) skip('this file system refuses O_DIRECT');
    const content = makeContent(BLOCK_BYTES);
    await writer.write(toAlignedMemory(content), BLOCK_BYTES);
    expect(await isOpenDirectly()).toBe(true);
    expect((await readFile(path)).subarray(BLOCK_BYTES).equals(content)).toBe(true);
    await writer.close();
    expect(await isOpenDirectly()).toBe(false);
  });

  it.each([
    ['small blocks', 4096, 0],
    ['lengths that are no multiple of a page', BLOCK_BYTES - 1, 0],
    ['offsets that are no multiple of a page', BLOCK_BYTES, 1024],
  ])('writes %s through it', async (_, length, offset) => {
    const content = makeContent(length);
    await writer.write(toAlignedMemory(content), offset);
    expect(await isOpenDirectly()).toBe(false);
    expect((await readFile(path)).subarray(offset).equals(content)).toBe(true);
  });

  it('writes memory that is not aligned, whatever the file system says of it', async () => {
    const memory = new Uint8Array(BLOCK_BYTES + 8192);
    for (const shift of [0, 16, 4096]) {
      const content = makeContent(BLOCK_BYTES, shift + 1);
      const block = memory.subarray(shift, shift + BLOCK_BYTES);
      block.set(content);
      await writer.write(block, 0);
      expect((await readFile(path)).equals(content)).toBe(true);
    }
  });

  it('mixes both ways in one file', async () => {
    const content = makeContent(2 * BLOCK_BYTES + 5);
    await writer.write(toAlignedMemory(content.subarray(0, BLOCK_BYTES)), 0);
    await writer.write(content.subarray(2 * BLOCK_BYTES), 2 * BLOCK_BYTES);
    await writer.write(toAlignedMemory(content.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES)), BLOCK_BYTES);
    await handle.sync();
    expect((await readFile(path)).equals(content)).toBe(true);
  });
});
