/** Empty folders that a killed receiver has made for entries that did not come: the cleaning removes them, and no others. */
import { mkdirSync, openSync, renameSync, symlinkSync } from 'node:fs';
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { cleanParts } from '../../../src/storage/inbox/left-parts.js';
import { expectPart, offerFile } from '../../contract/sink.contract.js';
import { readNames, tempDir } from '../../support/folders.js';
import { DEAD_PID, giveTo } from '../../support/owners.js';
import { makeOwnerMark } from '../../../src/storage/disk/owner.js';
import { skipTest } from '../../support/skips.js';

// So that the calls can be counted; each does the real thing.
vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  return { ...real, openSync: vi.fn(real.openSync) };
});

beforeEach((context) => {
  if (process.platform === 'win32') skipTest(context, 'Windows has no permission bits');
});

const HOUR_MS = 60 * 60 * 1000;
const PRIVATE = 0o1700;

async function makeFolder(dir: string, path: string, mode = PRIVATE): Promise<void> {
  await mkdir(join(dir, path), { recursive: true });
  await chmod(join(dir, path), mode);
}

/** Makes each of these, which are folders of the private mode. */
async function makePrivate(dir: string, ...paths: string[]): Promise<void> {
  for (const path of paths) await makeFolder(dir, path);
}

/** Cleans as a receiver does that starts this long after the last change. */
async function cleanLater(dir: string, laterMs = HOUR_MS + 1000): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + laterMs });
  onTestFinished(() => void vi.useRealTimers());
  await cleanParts(dir, 24 * HOUR_MS);
}

describe('an empty folder of the private mode', () => {
  it.each<[string, (dir: string) => Promise<unknown>, string[]]>([
    ['goes with those in it', (dir) => makePrivate(dir, 'a', 'a/b', 'a/b/c', 'a/d', 'e'), []],
    ['goes out of one that stays', (dir) => makeFolder(dir, 'a', 0o755).then(() => makePrivate(dir, 'a/b')), ['a']],
    ['goes when it has the group of its parent', (dir) => makeFolder(dir, 'a', PRIVATE | 0o2000), []],
    [
      'goes with the part that was left in it',
      async (dir) => {
        await makePrivate(dir, 'a', 'a/b');
        await writeFile(join(dir, 'a', 'b', `.ftx-${giveTo(DEAD_PID, makeOwnerMark())}.part`), 'left');
      },
      [],
    ],
    [
      'stays with what is in another one in it',
      async (dir) => {
        await makePrivate(dir, 'a', 'a/b', 'a/c', 'a/b/d');
        await writeFile(join(dir, 'a', 'b', 'file'), '');
      },
      ['a', 'a/b', 'a/b/file'],
    ],
    [
      'stays with a link in it',
      async (dir) => {
        await makePrivate(dir, 'a', 'b');
        await symlink('../nowhere', join(dir, 'a', 'link'));
      },
      ['a', 'a/link'],
    ],
    ['stays as the receive folder', (dir) => chmod(dir, PRIVATE), []],
  ])('%s', async (_, make, left) => {
    const dir = await tempDir();
    await make(dir);
    await cleanLater(dir);
    expect((await readNames(dir)).sort()).toEqual(left);
  });

  it.each([0o700, 0o755, 0o1777, 0o1750, 0o1701, 0o1500, 0])(
    'stays with the mode %i, which is another',
    async (mode) => {
      const dir = await tempDir();
      await makeFolder(dir, 'a', mode);
      await cleanLater(dir);
      expect(await readNames(dir)).toEqual(['a']);
    },
  );

  it.each([
    ['less than an hour ago', HOUR_MS - 60_000],
    ['later than now, by a clock that was wrong', -HOUR_MS],
  ])('stays when it was changed %s', async (_, laterMs) => {
    const dir = await tempDir();
    await makePrivate(dir, 'a', 'a/b');
    await cleanLater(dir, laterMs);
    expect(await readNames(dir)).toEqual(['a', 'a/b']);
  });

  it('stays when it belongs to another user', async (context) => {
    if (process.geteuid?.() !== 0) skipTest(context, 'it takes root to give a folder away');
    const dir = await tempDir();
    await makePrivate(dir, 'a');
    await chown(join(dir, 'a'), 1, 1);
    await chmod(join(dir, 'a'), PRIVATE);
    await cleanLater(dir);
    expect(await readNames(dir)).toEqual(['a']);
  });

  it('stays while a session is going to put something there, however many folders are open', async () => {
    const dir = await tempDir();
    const folders = Array.from({ length: 150 }, (_, number) => `a/${number}`);
    await makePrivate(dir, 'a', 'b', ...folders);
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity });
    const parts = [];
    for (const folder of folders) parts.push(expectPart(await sink.open(offerFile(`${folder}/x`, 1))));
    await cleanLater(dir);
    expect(await readNames(dir)).not.toContain('b');
    for (const part of parts) {
      await part.write(Buffer.from('1'), 0);
      await part.commit(1);
    }
    expect((await readNames(dir)).filter((name) => name.endsWith('/x'))).toHaveLength(folders.length);
  });
});

describe.skipIf(process.platform !== 'linux')('while the folders are looked at', () => {
  /** Runs `plant` when the age of this folder, by the number of its turn, is asked for. */
  async function cleanWhile(dir: string, turn: number, plant: () => void): Promise<void> {
    const later = Date.now() + 2 * HOUR_MS;
    let asked = 0;
    vi.spyOn(Date, 'now').mockImplementation(() => {
      if ((asked += 1) === turn) plant();
      return later;
    });
    onTestFinished(() => void vi.restoreAllMocks());
    await cleanParts(dir, 24 * HOUR_MS);
    expect(asked).toBeGreaterThanOrEqual(turn);
  }

  it.each([1, 2, 3])('a link that takes the place of one leads to nothing that is removed (turn %i)', async (turn) => {
    const [dir, outside] = [await tempDir(), await tempDir()];
    for (const root of [dir, outside]) await makePrivate(root, 'd', 'd/a', 'd/a/b');
    await cleanWhile(dir, turn, () => {
      renameSync(join(dir, 'd'), join(dir, 'moved'));
      symlinkSync(join(outside, 'd'), join(dir, 'd'));
    });
    expect(await readNames(outside)).toEqual(['d', 'd/a', 'd/a/b']);
  });

  it('one that is moved out of the receive folder is not removed there', async () => {
    const [dir, outside] = [await tempDir(), await tempDir()];
    await makePrivate(dir, 'd', 'd/e', 'd/e/f', 'd/e/f/g');
    await cleanWhile(dir, 4, () => renameSync(join(dir, 'd/e/f'), join(outside, 'f')));
    expect(await readNames(outside)).toContain('f');
    expect(await readNames(dir)).toEqual([]);
  });

  it('a folder costs the same in a deep tree as in a flat one', async () => {
    const dir = await tempDir();
    const depth = 200;
    const deep = Array.from({ length: depth }, (_, level) => 'x/'.repeat(level + 1));
    await makePrivate(dir, ...deep);
    for (let n = 0; n < depth; n += 1) mkdirSync(join(dir, deep.at(-1)!, String(n)), PRIVATE);
    vi.mocked(openSync).mockClear();
    await cleanLater(dir);
    // Once on the way in, and once on the way back.
    expect(vi.mocked(openSync).mock.calls.length).toBeLessThan(2 * 2 * depth + 100);
    expect(await readNames(dir)).toEqual([]);
  });
});
