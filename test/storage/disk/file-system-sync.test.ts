import { closeSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { isSince, openFileSystemSync } from '../../../src/storage/disk/file-system-sync.js';
import { tempDir } from '../../support/folders.js';
import { skipTest } from '../../support/skips.js';

// So that leaving a disk can be made to fail.
vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  return { ...real, closeSync: vi.fn(real.closeSync) };
});

it.each([
  ['5.8', true],
  ['5.8.0-generic', true],
  ['5.7.19', false],
  ['4.19.0', false],
  ['6.1.0-18-amd64', true],
  ['10.0.1', true],
  ['', false],
  ['unknown', false],
])('kernel %s is known to count its failures: %s', (version, expected) => {
  expect(isSince(version, [5, 8])).toBe(expected);
});

it('syncs the file system again and again', async (context) => {
  const all = openFileSystemSync(await tempDir());
  if (!all) return skipTest(context, 'the file system does not count its failures, or there is no helper');
  for (let round = 0; round < 3; round++) await all.sync();
  expect(all.isAvailable()).toBe(true);
});

it.each(['/proc', '/nowhere'])('is not offered for %s', (folder) => {
  expect(openFileSystemSync(folder)).toBeUndefined();
});

const answer = (text: string) => `process.stdin.on('data', () => process.stdout.write(${JSON.stringify(text)}))`;

it.for([
  ['tells of a failure', answer('5\n'), true],
  ['tells of no failure', answer('0\n'), true],
  ['talks nonsense', answer('syncfs: not found'), false],
  ['ends at once', '', false],
  ['ends when it is asked', "process.stdin.on('data', () => process.exit())", false],
] as const)('a helper that %s', async ([what, program, isAvailable], context) => {
  const folder = await tempDir();
  const all = openFileSystemSync(folder, [process.execPath, '-e', program]);
  if (!all) return skipTest(context, 'the file system does not count its failures');
  for (let round = 0; round < 2; round++) {
    const syncing = all.sync();
    await (what === 'tells of no failure' ? syncing : expect(syncing).rejects.toThrow(/not synchronised/));
  }
  expect(all.isAvailable()).toBe(isAvailable);
});

it('a helper that is not there', async (context) => {
  const all = openFileSystemSync(await tempDir(), ['/nowhere/helper']);
  if (!all) return skipTest(context, 'the file system does not count its failures');
  await expect(all.sync()).rejects.toThrow(/not synchronised/);
  expect(all.isAvailable()).toBe(false);
});

it('leaves a disk without a word, also one that fails at it', async (context) => {
  const all = openFileSystemSync(await tempDir());
  if (!all) return skipTest(context, 'the file system does not count its failures, or there is no helper');
  await all.sync();
  vi.mocked(closeSync).mockImplementationOnce((fd) => {
    closeSync(fd);
    throw new Error('EIO');
  });
  all.close();
  expect(all.isAvailable()).toBe(false);
});

it('ends a helper that does not answer, as one that was stopped', async (context) => {
  const all = openFileSystemSync(await tempDir(), [process.execPath, '-e', 'process.stdin.resume()']);
  if (!all) return skipTest(context, 'the file system does not count its failures');
  const syncing = all.sync();
  all.close();
  await expect(syncing).rejects.toThrow('was not synchronised');
});
