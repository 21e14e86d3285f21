import { constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openDiskFile } from '../../../src/storage/disk/disk-file.js';
import { inboxDisk } from '../../../src/storage/disk/latency.js';
import { makeContent, tempDir } from '../../support/folders.js';

const NEW = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR;

afterEach(() => void vi.restoreAllMocks());

describe.each([
  ['prompt', true],
  ['slow', false],
])('a file on a %s disk', (_, isFast) => {
  async function openNew() {
    vi.spyOn(inboxDisk, 'isFast').mockReturnValue(isFast);
    const path = join(await tempDir(), 'f');
    return { path, file: await openDiskFile(path, NEW, 0o600) };
  }

  it.each([1, 64 * 1024, 64 * 1024 + 1])('takes and gives %i bytes, at their place', async (length) => {
    const { path, file } = await openNew();
    const content = makeContent(length + 2);
    expect((await file.write(content, 1, length, 3)).bytesWritten).toBe(length);
    const target = Buffer.alloc(length + 1);
    expect((await file.read(target, 1, length, 3)).bytesRead).toBe(length);
    expect(target.subarray(1).equals(content.subarray(1, length + 1))).toBe(true);
    await file.truncate(4);
    await file.sync();
    await file.datasync();
    await file.close();
    expect([...readFileSync(path)]).toEqual([0, 0, 0, content[1]]);
  });

  it('says what the system says', async () => {
    const { path, file } = await openNew();
    await expect(openDiskFile(path, NEW)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(openDiskFile(`${path}/x`, NEW)).rejects.toMatchObject({ code: 'ENOTDIR' });
    await file.close();
  });

  it('is closed once, after the calls that are under way, and no other file is taken for it', async () => {
    const { path, file } = await openNew();
    const large = makeContent(8 * 1024 * 1024);
    const writing = file.write(large, 0, large.length, 0);
    const closing = [file.close(), file.close()];
    await expect(file.sync()).rejects.toMatchObject({ code: 'EBADF' });
    expect((await writing).bytesWritten).toBe(large.length);
    await Promise.all(closing);
    const next = await openDiskFile(`${path}2`, NEW, 0o600);
    await file.close();
    for (const late of [file.write(large, 0, 1, 0), file.read(large, 0, 1, 0), file.truncate(0), file.datasync()])
      await expect(late).rejects.toMatchObject({ code: 'EBADF' });
    await next.write(large, 0, 3, 0);
    await next.close();
  });
});
