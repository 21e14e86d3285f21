import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findOwner, makeOwnerMark } from '../../../src/storage/disk/owner.js';
import { makePartName } from '../../../src/storage/names/part-name.js';
import { removeOldParts } from '../../../src/storage/inbox/left-parts.js';
import { tempDir } from '../../support/folders.js';
import { beginEarlier, DEAD_PID, findLivingPid, giveTo, makeOldMark, moveElsewhere } from '../../support/owners.js';

const YEAR_MS = 365 * 24 * 3_600_000;

it('makes no mark twice', () => {
  expect(new Set(Array.from({ length: 1000 }, makeOwnerMark)).size).toBe(1000);
});

it.each<[string, () => string, string]>([
  ['this process', makeOwnerMark, 'alive'],
  ['another process that runs', () => giveTo(findLivingPid(), makeOwnerMark()), 'alive'],
  ['a process that has ended', () => giveTo(DEAD_PID, makeOwnerMark()), 'dead'],
  ['an earlier process with the number of this one', () => beginEarlier(makeOwnerMark()), 'dead'],
  [
    'an earlier process with the number of one that runs',
    () => beginEarlier(giveTo(findLivingPid(), makeOwnerMark())),
    'dead',
  ],
  ['a process elsewhere whose number one has here', () => moveElsewhere(makeOwnerMark()), 'elsewhere'],
  [
    'a process elsewhere whose number none has here',
    () => moveElsewhere(giveTo(DEAD_PID, makeOwnerMark())),
    'elsewhere',
  ],
  ['a process of version 0.1.0 that runs', () => makeOldMark(findLivingPid()), 'alive'],
  ['a process of version 0.1.0 that has ended', () => makeOldMark(DEAD_PID), 'dead'],
  ['a process of version 0.1.0 on another machine', () => makeOldMark(DEAD_PID, '00000000'), 'elsewhere'],
  ['nobody', () => 'nonsense', 'none'],
  ['nobody, as there is no text', () => '', 'none'],
])('finds out about %s', (_, makeMark, state) => {
  expect(findOwner(makeMark())).toBe(state);
});

it('takes a process that began after a file of version 0.1.0 was changed for another one than its maker', () => {
  const mark = makeOldMark(findLivingPid());
  expect(findOwner(mark, Date.now() + 5000)).toBe('alive');
  expect(findOwner(mark, Date.now() - 5000)).toBe('dead');
});

it('counts a process that was killed as dead before its parent has noticed', async () => {
  // The shell becomes a program that never waits for its child.
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000']);
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const child = Number(String(line));
  const mark = giveTo(child, makeOwnerMark());
  expect(findOwner(mark)).toBe('alive');
  process.kill(child, 'SIGKILL');
  await expect.poll(() => findOwner(mark)).toBe('dead');
  expect(execFileSync('ps', ['-o', 'state=', '-p', String(child)], { encoding: 'utf8' })).toContain('Z');
});

it.each(['mine.part', giveTo(DEAD_PID, makePartName()).slice(1)])('does not know whose %s is', async (name) => {
  const dir = await tempDir();
  await writeFile(join(dir, name), '');
  expect(await removeOldParts(dir, 0)).toEqual([]);
});

it('removes a part, a file or a link, only once its maker is gone', async () => {
  const dir = await tempDir();
  const own = makePartName();
  await writeFile(join(dir, own), 'on its way');
  await writeFile(join(dir, giveTo(DEAD_PID, makePartName())), 'left');
  await writeFile(join(dir, `.ftx-${makeOldMark(DEAD_PID)}.part`), 'left by an older version');
  await symlink('nowhere', join(dir, giveTo(DEAD_PID, makePartName())));
  expect(await removeOldParts(dir, YEAR_MS)).toHaveLength(3);
  expect(await readdir(dir)).toEqual([own]);
});
