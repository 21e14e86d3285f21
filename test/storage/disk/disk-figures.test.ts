import { statfs } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { readDisk, roundUp, toFigures, type DiskStats } from '../../../src/storage/disk/disk-figures.js';
import { holdRoot, releaseFolder } from '../../../src/storage/disk/held-folder.js';
import { tempDir } from '../../support/folders.js';

const MIB = 1024 * 1024;
const ALL_ONES = 2 ** 64;
const DISK: DiskStats = { blocks: 1_000_000, bavail: 500_000, bsize: 4096, files: 100_000, ffree: 60_000 };

it.each<[string, Partial<DiskStats>, number]>([
  ['all zeros', { blocks: 0, bavail: 0, bsize: 0 }, Infinity],
  ['no blocks in all', { blocks: 0, bavail: 0 }, Infinity],
  ['no blocks in all, and some free', { blocks: 0 }, Infinity],
  ['no size of a block', { bsize: 0 }, Infinity],
  ['all ones', { blocks: ALL_ONES, bavail: ALL_ONES }, Infinity],
  ['more free than there is', { bavail: ALL_ONES - 100 }, Infinity],
  ['fewer than none', { bavail: -100 }, Infinity],
  ['none free of a known total', { bavail: 0 }, 0],
  ['all free', { blocks: 1000, bavail: 1000, bsize: 512 }, 512_000],
])('of figures that are %s, the free bytes are told right', (_, stats, free) => {
  expect(toFigures({ ...DISK, ...stats }).freeBytes).toBe(free);
});

it.each<[string, Partial<DiskStats>, number]>([
  ['zeros, as on btrfs', { files: 0, ffree: 0 }, Infinity],
  ['no total, and some free', { files: 0 }, Infinity],
  ['all ones', { files: ALL_ONES - 1, ffree: ALL_ONES }, Infinity],
  ['fewer than none', { ffree: -1 }, Infinity],
  ['none free of a known total', { ffree: 0 }, 0],
  ['some free', {}, 60_000],
])('of inodes that are %s, the free files are told right', (_, stats, free) => {
  expect(toFigures({ ...DISK, ...stats }).freeFiles).toBe(free);
});

it.each([
  ['a large disk', 1_000_000 * MIB, 64 * MIB],
  ['a disk a little larger than that', 65 * MIB, 64 * MIB],
  ['a disk of just that size', 64 * MIB, 4 * MIB],
  ['a small disk', 8 * MIB, MIB / 2],
])('of %s so many bytes stay free', (_, size, kept) => {
  expect(toFigures({ ...DISK, blocks: size / 4096, bavail: 0 }).keptBytes).toBe(kept);
});

it.each([
  [1_000_000, 1024],
  [16_000, 1000],
  [3, 0],
  [0, 0],
])('of %i inodes so many stay free', (files, kept) => {
  expect(toFigures({ ...DISK, files, ffree: 0 }).keptFiles).toBe(kept);
});

it('nothing is kept free of a disk that tells nothing', () => {
  expect(toFigures({ blocks: 0, bavail: 0, bsize: 0, files: 0, ffree: 0 })).toMatchObject({
    keptBytes: 0,
    keptFiles: 0,
  });
});

it.each([
  ['that of the disk', 65_536, 65_536],
  ['4 KiB where that is smaller', 512, 4096],
  ['4 KiB where a network file system tells how much it likes to read', MIB, 4096],
])('the block is %s', (_, bsize, blockBytes) => {
  expect(toFigures({ ...DISK, bsize }).blockBytes).toBe(blockBytes);
});

it.each([
  [0, 4096],
  [1, 4096],
  [4096, 4096],
  [4097, 8192],
  [MIB, MIB],
])('%i bytes take whole blocks, and at least one', (bytes, taken) => {
  expect(roundUp(bytes)).toBe(taken);
});

it('the figures are those of the disk of the folder, and not of another one that has come in its place', async () => {
  const dir = await tempDir();
  const folder = holdRoot(dir);
  const ground = { device: String(folder.stats.dev), way: { root: dir, components: [] } };
  releaseFolder(folder);
  const { files } = await statfs(dir);
  expect((await readDisk(ground)).freeFiles).toBeLessThanOrEqual(files || Infinity);
  await expect(readDisk({ ...ground, device: '0' })).rejects.toThrow();
  await expect(readDisk({ ...ground, way: { root: dir, components: ['gone'] } })).rejects.toThrow();
});
