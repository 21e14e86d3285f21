import { existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { noteOpen } from '../../../src/storage/inbox/left-open.js';
import { tempDir } from '../../support/folders.js';

it('a note of what is open makes no receive folder that is gone', async () => {
  const root = join(await tempDir(), 'gone');
  const note = () => noteOpen(root, ['closed'], lstatSync('/', { bigint: true }), 0o555);
  expect(note).toThrow(expect.objectContaining({ code: 'ENOENT' }) as Error);
  expect(existsSync(root)).toBe(false);
});
