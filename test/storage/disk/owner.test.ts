import { readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isOwnerDead, makeOwnerMark } from '../../../src/storage/disk/owner.js';
import { isOrphaned, makePartName } from '../../../src/storage/names/part-name.js';
import { removeOldParts } from '../../../src/storage/inbox/left-parts.js';
import { tempDir } from '../../support/folders.js';
import { DEAD_PID, findLivingPid, giveTo } from '../../support/owners.js';

const YEAR_MS = 365 * 24 * 3_600_000;

it('makes no mark twice', () => {
  expect(new Set(Array.from({ length: 1000 }, makeOwnerMark)).size).toBe(1000);
});

it('tells what is left of a process that has ended, and of nobody else', () => {
  const own = makeOwnerMark();
  expect(isOwnerDead(own)).toBe(false);
  expect(isOwnerDead(giveTo(findLivingPid(), own))).toBe(false);
  expect(isOwnerDead(giveTo(DEAD_PID, own))).toBe(true);
});

it('takes no number for the same process on another machine, nor after another start', () => {
  expect(isOwnerDead(giveTo(DEAD_PID, makeOwnerMark()).replace(/^.{8}/, '00000000'))).toBe(false);
  expect(isOwnerDead(makeOwnerMark().replace(/.{8}(-.{16})$/, '00000000$1'))).toBe(true);
});

it.each([
  '.ftx-0123456789abcdef.part',
  '.ftx-0123456789abcdef.journal',
  '.ftx-.part',
  'mine.part',
  giveTo(DEAD_PID, makePartName()).slice(1),
])('does not know whose %s is', (name) => {
  expect(isOrphaned(name)).toBe(false);
});

it('removes a part, a file or a link, only once its maker is gone', async () => {
  const dir = await tempDir();
  const own = makePartName();
  await writeFile(join(dir, own), 'on its way');
  await writeFile(join(dir, giveTo(DEAD_PID, makePartName())), 'left');
  await symlink('nowhere', join(dir, giveTo(DEAD_PID, makePartName())));
  expect(await removeOldParts(dir, YEAR_MS)).toHaveLength(2);
  expect(await readdir(dir)).toEqual([own]);
});
