import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFolders, prepareFolder } from '../../src/storage/folders.js';
import { refusal } from '../contract/sink.contract.js';
import { tempDir } from '../support/folders.js';

describe('createFolders', () => {
  it('makes each folder once for all who ask at the same time', async () => {
    const dir = await tempDir();
    const sessions = Array.from({ length: 20 }, () => createFolders(dir));
    const paths = await Promise.all(sessions.map((folders) => folders.ensureParents(['a', 'b'])));
    expect(new Set(paths)).toEqual(new Set([join(dir, 'a', 'b')]));
    expect(sessions.filter((folders) => folders.isOwn(join(dir, 'a', 'b')))).toHaveLength(1);
  });

  it('says that the receive folder is gone', async () => {
    const folders = createFolders(join(await tempDir(), 'gone'));
    await expect(folders.ensureParents(['a'])).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('leaves what it finds alone', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'a'));
    const folders = createFolders(dir);
    expect(await folders.ensure(join(dir, 'a'))).toBe('present');
    expect(folders.isOwn(join(dir, 'a'))).toBe(false);
    expect(await readdir(join(dir, 'a'))).toEqual([]);
  });
});

describe('prepareFolder', () => {
  it('makes what is missing and returns an absolute path', async () => {
    const dir = await tempDir();
    const path = await prepareFolder(relative(process.cwd(), join(dir, 'a', 'b')));
    expect(path).toBe(resolve(dir, 'a', 'b'));
    expect((await stat(path)).isDirectory()).toBe(true);
    expect(await prepareFolder(path)).toBe(path);
    expect(await readdir(path)).toEqual([]);
  });

  it('takes a folder behind a link', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'real'));
    await symlink('real', join(dir, 'link'));
    expect(await prepareFolder(join(dir, 'link'))).toBe(join(dir, 'link'));
  });

  it.each([
    ['file', /there is a file of that name/],
    ['file/below', /there is a file of that name, or on the way to it/],
    ['dangling', /a file of that name|leads nowhere/],
    ['dangling/below', /on the way to it|leads nowhere/],
  ])('refuses %s', async (path, reason) => {
    const dir = await tempDir();
    await writeFile(join(dir, 'file'), '');
    await symlink('nowhere', join(dir, 'dangling'));
    await expect(prepareFolder(join(dir, path))).rejects.toThrow(refusal('cannot-create'));
    await expect(prepareFolder(join(dir, path))).rejects.toThrow(reason);
  });

  it('refuses one that cannot be written to', async () => {
    await expect(prepareFolder('/proc')).rejects.toThrow(refusal('cannot-create'));
    await expect(prepareFolder('/proc/new')).rejects.toThrow(refusal('cannot-create'));
  });
});
