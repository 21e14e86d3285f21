import { existsSync } from 'node:fs';
import { chmod, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findMissingFolders } from '../../../src/storage/disk/missing-folders.js';
import { makeOnePrivateFolder, makePrivateFolder } from '../../../src/storage/disk/private-folder.js';
import { tempDir } from '../../support/folders.js';

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describe('makePrivateFolder', () => {
  it('makes a folder and its parents for this user alone, and leaves what is there', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'a'));
    await chmod(join(dir, 'a'), 0o755);
    for (let time = 0; time < 2; time += 1) makePrivateFolder(join(dir, 'a', 'b', 'c'));
    expect(await modeOf(join(dir, 'a'))).toBe(0o755);
    for (const path of ['b', 'b/c']) expect(await modeOf(join(dir, 'a', path))).toBe(0o700);
  });

  it.each([
    ['a file', 'file', 'ENOTDIR'],
    ['a link that leads nowhere', 'link', 'ENOENT'],
  ])('says what the system says below %s', async (_, name, code) => {
    const dir = await tempDir();
    await writeFile(join(dir, 'file'), '');
    await symlink('nowhere', join(dir, 'link'));
    expect(() => makePrivateFolder(join(dir, name, 'a', 'b'))).toThrow(expect.objectContaining({ code }) as Error);
  });

  it.skipIf(!existsSync('/proc/self'))('ends where nothing can be made', () => {
    for (const path of ['/proc/new', '/proc/new/a/b'])
      expect(() => makePrivateFolder(path)).toThrow(expect.objectContaining({ code: 'ENOENT' }) as Error);
  });
});

it('makeOnePrivateFolder makes no parent', async () => {
  const dir = await tempDir();
  for (let time = 0; time < 2; time += 1) makeOnePrivateFolder(join(dir, 'a'));
  expect(await modeOf(join(dir, 'a'))).toBe(0o700);
  expect(() => makeOnePrivateFolder(join(dir, 'b', 'c'))).toThrow(expect.objectContaining({ code: 'ENOENT' }) as Error);
  expect(existsSync(join(dir, 'b'))).toBe(false);
});

it('findMissingFolders begins with the topmost, and ends at the root', async () => {
  const dir = await tempDir();
  expect(findMissingFolders(join(dir, 'a', 'b'))).toEqual([join(dir, 'a'), join(dir, 'a', 'b')]);
  expect(findMissingFolders(dir)).toEqual([]);
  expect(findMissingFolders('/')).toEqual([]);
});
