import { readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { findHolder, RENEW_MS, takeLock } from '../../../src/storage/disk/lock.js';
import { makeOwnerMark } from '../../../src/storage/disk/owner.js';
import { DEAD_MS } from '../../../src/storage/disk/stillness.js';
import { tempDir } from '../../support/folders.js';
import { beginEarlier, DEAD_PID, findLivingPid, giveTo, makeOldMark, moveElsewhere } from '../../support/owners.js';

let path: string;

beforeEach(async () => {
  path = join(await tempDir(), 'lock');
  vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] });
  return () => void vi.useRealTimers();
});

const leave = (mark: string, count = 0) => writeFile(path, `${mark} ${String(count).padStart(12, '0')}\n`);
const readMark = () => readFileSync(path, 'latin1').split(' ')[0];

describe('a lock', () => {
  it('is there until it is released', async () => {
    const lock = await takeLock(path);
    expect(await findHolder(path)).toBe('alive');
    expect(await takeLock(path)).toBeUndefined();
    await lock!.release();
    expect(await findHolder(path)).toBe('none');
    expect(await takeLock(path)).toBeDefined();
  });

  it.each<[string, () => Promise<void>]>([
    ['of another process that runs', () => leave(giveTo(findLivingPid(), makeOwnerMark()))],
    ['of a process of version 0.1.0 that runs', () => symlink(makeOldMark(findLivingPid()), path)],
  ])('%s is respected, however long nothing renews it', async (_, prepare) => {
    await prepare();
    for (let looks = 0; looks < 3; looks++) {
      expect(await takeLock(path)).toBeUndefined();
      vi.advanceTimersByTime(DEAD_MS);
    }
  });

  it.each<[string, () => Promise<void>]>([
    ['of a process that has ended', () => leave(giveTo(DEAD_PID, makeOwnerMark()))],
    [
      'of a process whose number another one has got',
      () => leave(beginEarlier(giveTo(findLivingPid(), makeOwnerMark()))),
    ],
    ['of an earlier process with the number of this one', () => leave(beginEarlier(makeOwnerMark()))],
    ['of a process of version 0.1.0 that has ended', () => symlink(makeOldMark(DEAD_PID), path)],
  ])('%s is taken over at once', async (_, prepare) => {
    await prepare();
    expect(await takeLock(path)).toBeDefined();
    expect(await findHolder(path)).toBe('alive');
  });

  it.each<[string, () => Promise<void>]>([
    ['of a process elsewhere', () => leave(moveElsewhere(makeOwnerMark()))],
    [
      'of a process elsewhere whose number none has here',
      () => leave(moveElsewhere(giveTo(DEAD_PID, makeOwnerMark()))),
    ],
    ['of a process of version 0.1.0 elsewhere', () => symlink(makeOldMark(process.pid, '00000000'), path)],
    ['without a word, as a process leaves it that was killed at that moment', () => writeFile(path, '')],
    ['with a word that says nothing', () => writeFile(path, 'nonsense')],
    ['that leads to nowhere', () => symlink('nonsense', path)],
    ['that is a folder', () => mkdir(path)],
  ])('%s is taken over once it has not changed for 30 s', async (_, prepare) => {
    await prepare();
    expect(await takeLock(path)).toBeUndefined();
    vi.advanceTimersByTime(DEAD_MS - 1);
    expect(await takeLock(path)).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(await takeLock(path)).toBeDefined();
  });

  it('of a process elsewhere is respected as long as it is renewed', async () => {
    const mark = moveElsewhere(makeOwnerMark());
    for (let count = 0; count < 20; count++) {
      await leave(mark, count);
      expect(await takeLock(path)).toBeUndefined();
      vi.advanceTimersByTime(DEAD_MS - 1);
      expect(await takeLock(path)).toBeUndefined();
    }
  });

  it('changes every 5 s while it is held, and is left alone afterwards', async () => {
    const lock = await takeLock(path);
    const texts = new Set([await readFile(path, 'latin1')]);
    for (let round = 1; round <= 3; round++) {
      vi.advanceTimersByTime(RENEW_MS);
      await expect.poll(async () => texts.add(await readFile(path, 'latin1')).size).toBe(round + 1);
    }
    await lock!.release();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is lost to a process that has taken it over, and is not released by the first one', async () => {
    const lock = await takeLock(path);
    expect(await lock!.isHeld()).toBe(true);
    const other = moveElsewhere(makeOwnerMark());
    await unlink(path);
    await leave(other);
    expect(await lock!.isHeld()).toBe(false);
    await lock!.release();
    expect(readMark()).toBe(other);
  });

  it('is lost when its file is gone', async () => {
    const lock = await takeLock(path);
    await unlink(path);
    expect(await lock!.isHeld()).toBe(false);
    await lock!.release();
    expect(await readdir(join(path, '..'))).toEqual([]);
  });

  it('is left to the process that is taking it over', async () => {
    await leave(giveTo(DEAD_PID, makeOwnerMark()));
    const takeover = await takeLock(`${path}.lock`);
    expect(await takeLock(path)).toBeUndefined();
    await takeover!.release();
    expect(await takeLock(path)).toBeDefined();
  });

  it('that cannot be made keeps nobody from anything', async () => {
    const lock = await takeLock('/proc/nowhere/lock');
    expect(await lock!.isHeld()).toBe(true);
    await lock!.release();
  });

  it('leads to no other file', async () => {
    const other = join(path, '..', 'other');
    writeFileSync(other, 'precious');
    await symlink(other, path);
    expect(await takeLock(path)).toBeUndefined();
    vi.advanceTimersByTime(DEAD_MS);
    await (await takeLock(path))!.release();
    expect(await readFile(other, 'utf8')).toBe('precious');
  });
});
