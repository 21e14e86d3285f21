import { renameSync, symlinkSync } from 'node:fs';
import { lutimes, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { makeOwnerMark } from '../../../src/storage/disk/owner.js';
import { cleanParts, listParts, removeOldParts } from '../../../src/storage/inbox/left-parts.js';
import { expectPart, offerFile } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';
import { DEAD_PID, giveTo, moveElsewhere } from '../../support/owners.js';
import { RENEW_MS } from '../../../src/storage/disk/lock.js';
import { DEAD_MS } from '../../../src/storage/disk/stillness.js';

const SIZE = 20 * BLOCK_BYTES;
const HOUR_MS = 3_600_000;

/** Leaves a part file of one block behind. */
async function leavePart(dir: string, path: string): Promise<void> {
  const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: '192.0.2.7' });
  const part = expectPart(await sink.open(offerFile(path, SIZE)));
  await part.write(new Uint8Array(BLOCK_BYTES), 0);
  part.confirm(0, 1n);
  await part.suspend();
}

async function age(dir: string): Promise<void> {
  const then = (Date.now() - HOUR_MS) / 1000;
  for (const name of await readdir(dir)) await utimes(join(dir, name), then, then);
}

async function list(dir: string) {
  const parts = [];
  for await (const part of listParts(dir)) parts.push(part);
  return parts;
}

it('lists what broke off, in subfolders too, with how far it is', async () => {
  const dir = await tempDir();
  await leavePart(dir, 'sub/film');
  const [part] = await list(dir);
  expect(part).toMatchObject({ path: 'sub/film', peer: '192.0.2.7', size: SIZE, bytes: BLOCK_BYTES });
  expect(part!.ageSeconds).toBeGreaterThanOrEqual(0);
});

it('passes over journals that say nothing', async () => {
  const dir = await tempDir();
  await writeFile(join(dir, '.ftx-0000000000000000.journal'), 'x');
  await writeFile(join(dir, '.ftx-0000000000000001.journal'), '"no list"\n');
  expect(await list(dir)).toEqual([]);
});

it('leaves the part file of a process that runs, however old the time is that the offer has given it', async () => {
  const dir = await tempDir();
  await writeFile(join(dir, `.ftx-${makeOwnerMark()}.part`), 'is being committed');
  await age(dir);
  expect(await removeOldParts(dir, HOUR_MS / 2)).toEqual([]);
});

it('removes what is old, and nothing else', async () => {
  const dir = await tempDir();
  await leavePart(dir, 'old/film');
  await writeFile(join(dir, 'old', '.ftx-0000000000000000.part'), 'left by a crash');
  await writeFile(join(dir, 'old', 'mine.part'), 'not of ftx');
  await writeFile(join(dir, 'old', '.ftx-notes'), 'not of ftx');
  await age(join(dir, 'old'));
  await leavePart(dir, 'new/film');
  const removed = await removeOldParts(dir, HOUR_MS / 2);
  expect(removed).toHaveLength(3);
  expect((await readdir(join(dir, 'old'))).sort()).toEqual(['.ftx-notes', 'mine.part']);
  expect(await readdir(join(dir, 'new'))).toHaveLength(2);
});

it.each<[string, string[], string[]]>([
  ['a part that gives no sign of life', ['.part'], []],
  ['a part with a lock that is not renewed', ['.part', '.lock'], []],
])('removes %s of a process elsewhere, after a second look', async (_, suffixes, left) => {
  const dir = await tempDir();
  const mark = moveElsewhere(makeOwnerMark());
  for (const suffix of suffixes) await writeFile(join(dir, `.ftx-${mark}${suffix}`), mark);
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  expect(await cleanParts(dir, HOUR_MS)).toEqual({ removed: [], isUndecided: true });
  vi.advanceTimersByTime(DEAD_MS - 1);
  expect((await cleanParts(dir, 0)).removed).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(await cleanParts(dir, HOUR_MS)).toMatchObject({ isUndecided: false });
  expect(await readdir(dir)).toEqual(left);
});

it('leaves the part of a process elsewhere that renews its lock', async () => {
  const dir = await tempDir();
  const mark = moveElsewhere(makeOwnerMark());
  await writeFile(join(dir, `.ftx-${mark}.part`), 'is being received');
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  for (let count = 0; count < 5; count++) {
    await writeFile(join(dir, `.ftx-${mark}.lock`), `${mark} ${count}`);
    expect((await cleanParts(dir, 0)).removed).toEqual([]);
    vi.advanceTimersByTime(DEAD_MS - 1);
  }
});

it('removes at once the lock of one who was killed while he took a lock over, and that of nobody else', async () => {
  const dir = await tempDir();
  const gone = giveTo(DEAD_PID, makeOwnerMark());
  await symlink(gone, join(dir, '.ftx-0000000000000000.lock.lock'));
  await symlink(makeOwnerMark(), join(dir, '.ftx-0000000000000001.lock.lock'));
  expect(await removeOldParts(dir, HOUR_MS)).toEqual(['.ftx-0000000000000000.lock.lock']);
  expect(await readdir(dir)).toEqual(['.ftx-0000000000000001.lock.lock']);
});

it.each([
  ['a lock alone', 'dead', ['lock'], true],
  ['a lock and a journal', 'dead', ['journal', 'lock'], true],
  ['a journal alone', 'dead', ['journal'], true],
  ['a part with journal and lock', 'dead', ['journal', 'lock', 'part'], false],
  ['the lock of a process that runs', 'alive', ['lock'], false],
  ['the lock and journal of a process that runs', 'alive', ['journal', 'lock'], false],
] as const)('looks at once at what is left of a part that has its name or has not begun: %s', async (...row) => {
  const [, owner, kinds, isRemoved] = row;
  const dir = await tempDir();
  const mark = makeOwnerMark();
  const text = `${owner === 'dead' ? giveTo(DEAD_PID, mark) : mark} 000000000000\n`;
  const names = kinds.map((kind) => `.ftx-0000000000000000.${kind}`);
  for (const name of names) await writeFile(join(dir, name), text);
  await removeOldParts(dir, HOUR_MS);
  expect((await readdir(dir)).sort()).toEqual(isRemoved ? [] : names);
});

it('follows no link out of the folder', async () => {
  const [dir, outside] = [await tempDir(), await tempDir()];
  await leavePart(outside, 'film');
  await age(outside);
  await mkdir(join(dir, 'd'));
  await symlink(outside, join(dir, 'd', 'link'));
  expect(await list(dir)).toEqual([]);
  expect(await removeOldParts(dir, 0)).toEqual([]);
  expect(await readdir(outside)).toHaveLength(2);
});

describe.skipIf(process.platform !== 'linux')('a folder that becomes a link to outside while', () => {
  async function setUp() {
    const [dir, outside] = [await tempDir(), await tempDir()];
    for (const folder of [dir, outside]) await leavePart(folder, 'd/film');
    const names = await readdir(join(dir, 'd'));
    await age(join(outside, 'd'));
    await age(join(dir, 'd'));
    const plant = () => {
      renameSync(join(dir, 'd'), join(dir, 'moved'));
      symlinkSync(join(outside, 'd'), join(dir, 'd'));
    };
    return { dir, outside, names, plant };
  }

  it('the parts are listed is not looked into', async () => {
    const { dir, plant } = await setUp();
    await leavePart(dir, 'film');
    const parts = listParts(dir);
    expect((await parts.next()).value).toMatchObject({ path: 'film' });
    plant();
    expect(await parts.next()).toMatchObject({ done: true });
  });

  it('the parts in it are removed costs nothing outside', async () => {
    const { dir, outside, names, plant } = await setUp();
    const now = Date.now.bind(Date);
    // It is asked for when the age of the first of them is known, just before that one is removed.
    vi.spyOn(Date, 'now').mockImplementationOnce(() => (plant(), now()));
    onTestFinished(() => void vi.restoreAllMocks());
    expect(await removeOldParts(dir, HOUR_MS / 2)).toHaveLength(2);
    expect(await readdir(join(outside, 'd'))).toEqual(names);
    expect(await readdir(join(dir, 'moved'))).toEqual([]);
  });
});

it('removes links that a crash has left, and not what they lead to', async () => {
  const [dir, outside] = [await tempDir(), await tempDir()];
  await writeFile(join(outside, 'precious'), '');
  for (const name of ['.ftx-0123456789abcdef.part', '.ftx-0123456789abcdef.journal', 'mine'])
    await symlink(join(outside, 'precious'), join(dir, name));
  expect(await list(dir)).toEqual([]);
  expect(await removeOldParts(dir, HOUR_MS)).toEqual([]);
  for (const name of await readdir(dir)) await lutimes(join(dir, name), 1, 1);
  expect(await removeOldParts(dir, HOUR_MS)).toHaveLength(2);
  expect(await readdir(dir)).toEqual(['mine']);
  expect(await readdir(outside)).toEqual(['precious']);
});

it('says that a folder is missing', async () => {
  await expect(list(join(await tempDir(), 'nowhere'))).rejects.toMatchObject({ code: 'not-found' });
});

it('shows processes elsewhere that a part is being received once it is there for longer than a moment', async () => {
  const dir = await tempDir();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity });
  const part = expectPart(await sink.open(offerFile('x', 3)));
  await part.write(new Uint8Array(3), 0);
  expect(await readdir(dir)).toHaveLength(1);
  vi.advanceTimersByTime(RENEW_MS);
  const names = async () => (await readdir(dir)).map((name) => name.replace(/.*\./, '')).sort();
  await expect.poll(names).toEqual(['lock', 'part']);
  await part.commit(3);
  expect(await readdir(dir)).toEqual(['x']);
});
