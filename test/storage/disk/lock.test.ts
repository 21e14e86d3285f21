import { readlinkSync } from 'node:fs';
import { readdir, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isLocked, takeLock } from '../../../src/storage/disk/lock.js';
import { makeOwnerMark } from '../../../src/storage/disk/owner.js';
import { tempDir } from '../../support/folders.js';
import { DEAD_PID, findLivingPid, giveTo } from '../../support/owners.js';

describe('a lock', () => {
  it('is there until it is given back', async () => {
    const dir = await tempDir();
    const unlock = await takeLock(join(dir, 'lock'));
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
    expect(await takeLock(path)).toBeUndefined();
  });

  it.each([
    ['of a process that has ended', giveTo(DEAD_PID, makeOwnerMark())],
    ['of nobody', 'nonsense'],
  ])('%s is taken over', async (_, owner) => {
    const path = join(await tempDir(), 'lock');
    await symlink(owner, path);
    expect(await isLocked(path)).toBe(false);
    expect(await takeLock(path)).toBeDefined();
    expect(readlinkSync(path)).not.toBe(owner);
  });

  it('that another has taken over is not given back', async () => {
    const path = join(await tempDir(), 'lock');
    const unlock = await takeLock(path);
    await unlink(path);
    await symlink('of another', path);
    await unlock!();
    expect(readlinkSync(path)).toBe('of another');
  });

  it('is left to whoever is taking it over', async () => {
    const path = join(await tempDir(), 'lock');
    await symlink(giveTo(DEAD_PID, makeOwnerMark()), path);
    const finish = await takeLock(`${path}.lock`);
    expect(await takeLock(path)).toBeUndefined();
    await finish!();
    expect(await takeLock(path)).toBeDefined();
  });

  it('that cannot be made keeps nobody from anything', async () => {
    expect(await takeLock('/proc/nowhere/lock')).toBeDefined();
  });
});
