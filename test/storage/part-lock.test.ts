import { readlinkSync } from 'node:fs';
import { readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeOwnerMark } from '../../src/storage/owner.js';
import { isLocked, lockPart } from '../../src/storage/part-lock.js';
import { tempDir } from '../support/folders.js';
import { DEAD_PID, findLivingPid, giveTo } from '../support/owners.js';

describe('a lock', () => {
  it('is there until it is given back', async () => {
    const dir = await tempDir();
    const unlock = await lockPart(join(dir, 'lock'));
    expect(await isLocked(join(dir, 'lock'))).toBe(true);
    await unlock!();
    expect(await readdir(dir)).toEqual([]);
    expect(await isLocked(join(dir, 'lock'))).toBe(false);
  });

  it.each([
    ['of another process that runs', () => giveTo(findLivingPid(), makeOwnerMark())],
    ['of a process of another machine', () => makeOwnerMark().replace(/^.{8}/, '00000000')],
  ])('%s is respected', async (_, makeOwner) => {
    const path = join(await tempDir(), 'lock');
    await symlink(makeOwner(), path);
    expect(await isLocked(path)).toBe(true);
    expect(await lockPart(path)).toBeUndefined();
  });

  it.each([
    ['of a process that has ended', giveTo(DEAD_PID, makeOwnerMark())],
    ['of nobody', 'nonsense'],
  ])('%s is taken over', async (_, owner) => {
    const path = join(await tempDir(), 'lock');
    await symlink(owner, path);
    expect(await isLocked(path)).toBe(false);
    expect(await lockPart(path)).toBeDefined();
    expect(readlinkSync(path)).not.toBe(owner);
  });

  it('that cannot be made keeps nobody from anything', async () => {
    expect(await lockPart('/proc/nowhere/lock')).toBeDefined();
  });
});
