/** The file sink where no folder can be held by a descriptor, as on other systems than Linux. */
import type { PathLike } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { HOLDS_BY_DESCRIPTOR } from '../../../src/storage/disk/held-folder.js';
import { describeSink, offerFile, refusal } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';
import { onDisk } from '../../support/on-disk.js';

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  return { ...real, existsSync: (path: PathLike) => path !== '/proc/self/fd' && real.existsSync(path) };
});

it('is what is tested here', () => {
  expect(HOLDS_BY_DESCRIPTOR).toBe(false);
});

describeSink('the file sink by paths alone', onDisk);

it('follows no link that is there', async () => {
  const dir = await tempDir();
  await symlink(await tempDir(), join(dir, 'out'));
  await expect(
    createFileSink({ dir, onConflict: 'rename', maxSize: Infinity }).open(offerFile('out/x', 1)),
  ).rejects.toThrow(refusal('bad-parent'));
});
