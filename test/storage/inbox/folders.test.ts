import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FtxError } from '../../../src/core/errors.js';
import { DURABLE } from '../../../src/storage/disk/durability.js';
import { createMadeFolders } from '../../../src/storage/inbox/made-folders.js';
import { createEntryRoom } from '../../../src/storage/inbox/entry-room.js';
import { createFolders } from '../../../src/storage/inbox/folders.js';
import { prepareFolder } from '../../../src/storage/inbox/prepare-folder.js';
import { releaseFolder } from '../../../src/storage/disk/held-folder.js';
import { parsePath } from '../../../src/storage/names/safe-path.js';
import { refusal } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';

function openFolders(dir: string, room = createEntryRoom({})) {
  const made = createMadeFolders(dir, randomUUID());
  return createFolders({ root: dir, durability: DURABLE, made, room });
}

const DEEP = `${'a/'.repeat(98)}f`;

describe('createFolders', () => {
  it('makes each folder once for all who ask at the same time', async () => {
    const dir = await tempDir();
    const sessions = Array.from({ length: 20 }, () => openFolders(dir));
    const places = await Promise.all(sessions.map((folders) => folders.find(parsePath('a/b/x'))));
    expect(new Set(places.map(({ folder }) => realpathSync(folder)))).toEqual(new Set([join(dir, 'a', 'b')]));
    const inner = await openFolders(dir).find(parsePath('a/b'));
    const found = await Promise.all(sessions.map((folders) => folders.make(inner)));
    expect(found.filter((one) => one !== 'other' && one.isOwn)).toHaveLength(1);
    for (const place of [...places, inner]) place.release();
    for (const one of found) if (one !== 'other') releaseFolder(one.folder);
  });

  it('lets nobody into a new folder before it is noted who has made it', async () => {
    const dir = await tempDir();
    let note: () => void = () => undefined;
    const noted = new Promise<void>((resolve) => (note = resolve));
    const made = createMadeFolders(dir, randomUUID());
    made.note = () => noted;
    const slow = createFolders({ root: dir, durability: DURABLE, made, room: createEntryRoom({}) });
    const arrived: string[] = [];
    const all = [slow, slow, openFolders(dir)].map(async (folders, number) => {
      const place = await folders.find(parsePath(`a/${number}`));
      arrived.push(place.path.text);
      return place;
    });
    await expect.poll(() => readdir(dir)).toEqual(['a']);
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
    expect(arrived).toEqual([]);
    note();
    for (const place of await Promise.all(all)) place.release();
    expect(arrived.sort()).toEqual(['a/0', 'a/1', 'a/2']);
  });

  it('does once more what finds the folder closed, because somebody has closed it meanwhile, and no more than once', async () => {
    const place = await openFolders(await tempDir()).find(parsePath('a/x'));
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    let calls = 0;
    const failing = (times: number) => () => ((calls += 1) > times ? Promise.resolve('done') : Promise.reject(denied));
    expect(await place.whileWritable(failing(1))).toBe('done');
    calls = 0;
    await expect(place.whileWritable(failing(2))).rejects.toBe(denied);
    expect(calls).toBe(2);
    place.release();
  });

  it('says that the receive folder is gone', async () => {
    const folders = openFolders(join(await tempDir(), 'gone'));
    await expect(folders.find(parsePath('a/x'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('leaves what it finds alone', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'a'));
    const folders = openFolders(dir);
    const place = await folders.find(parsePath('a'));
    const found = await folders.make(place);
    if (found === 'other') throw new Error('it is a folder');
    expect(found.isOwn).toBe(false);
    releaseFolder(found.folder);
    place.release();
    expect(await readdir(join(dir, 'a'))).toEqual([]);
  });
});

describe('folders that were made for an entry which does not come', () => {
  it('go, but for those that another sender was told of, also in the name of their maker', async () => {
    const dir = await tempDir();
    const [maker, other] = [openFolders(dir), openFolders(dir)];
    const place = await maker.find(parsePath('u/v/w/x'));
    const parent = await other.find(parsePath('u/v'));
    const found = await other.make(parent);
    if (found === 'other') throw new Error('it is a folder');
    expect(found.isOwn).toBe(false);
    releaseFolder(found.folder);
    parent.release();
    place.discard();
    expect(await readdir(dir, { recursive: true })).toEqual(['u', 'u/v']);
    const again = await maker.find(parsePath('u/v/y'));
    again.discard();
    expect(await readdir(dir, { recursive: true })).toEqual(['u', 'u/v']);
  });

  it('go up to the first that is used, in a path of any depth', async () => {
    const dir = await tempDir();
    const folders = openFolders(dir);
    const [used, deep] = [await folders.find(parsePath('a/a/used')), await folders.find(parsePath(DEEP))];
    deep.discard();
    expect(await readdir(dir, { recursive: true })).toEqual(['a', 'a/a']);
    used.discard();
    expect(await readdir(dir)).toEqual([]);
  });

  it('go when the room ends before the last of them', async () => {
    const dir = await tempDir();
    let left = 50;
    const room = { ...createEntryRoom({}), release: () => void (left += 1) };
    const full = new FtxError('no-space', 'full');
    const folders = openFolders(dir, {
      ...room,
      add: (ground, path, make) => (left-- > 0 ? createEntryRoom({}).add(ground, path, make) : Promise.reject(full)),
    });
    await expect(folders.find(parsePath(DEEP))).rejects.toBe(full);
    expect(await readdir(dir)).toEqual([]);
    expect(left).toBe(49);
  });

  it('go, and are no more made, when the session ends', async () => {
    const dir = await tempDir();
    const stop = new AbortController();
    const entryRoom = createEntryRoom({});
    let made = 0;
    const folders = openFolders(dir, {
      ...entryRoom,
      add(ground, path, make) {
        made += 1;
        if (made === 10) stop.abort(new Error('over'));
        return entryRoom.add(ground, path, make);
      },
    });
    await expect(folders.find(parsePath(DEEP), stop.signal)).rejects.toThrow('over');
    expect([made, await readdir(dir)]).toEqual([10, []]);
  });
});

describe('prepareFolder', () => {
  it('makes what is missing and returns an absolute path', async () => {
    const dir = await tempDir();
    const path = await prepareFolder(relative(process.cwd(), join(dir, 'a', 'b')));
    expect(path).toBe(resolve(dir, 'a', 'b'));
    expect((await stat(path)).isDirectory()).toBe(true);
    expect(await prepareFolder(path)).toBe(path);
    expect(await readdir(path)).toEqual([]);
  });

  it('takes a folder behind a link', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'real'));
    await symlink('real', join(dir, 'link'));
    expect(await prepareFolder(join(dir, 'link'))).toBe(join(dir, 'link'));
  });

  it.each([
    ['file', /there is a file of that name/],
    ['file/below', /there is a file of that name, or on the way to it/],
    ['dangling', /a file of that name|leads nowhere/],
    ['dangling/below', /on the way to it|leads nowhere/],
  ])('refuses %s', async (path, reason) => {
    const dir = await tempDir();
    await writeFile(join(dir, 'file'), '');
    await symlink('nowhere', join(dir, 'dangling'));
    await expect(prepareFolder(join(dir, path))).rejects.toThrow(refusal('cannot-create'));
    await expect(prepareFolder(join(dir, path))).rejects.toThrow(reason);
  });

  it('refuses one that cannot be written to', async () => {
    await expect(prepareFolder('/proc')).rejects.toThrow(refusal('cannot-create'));
    await expect(prepareFolder('/proc/new')).rejects.toThrow(refusal('cannot-create'));
  });
});
