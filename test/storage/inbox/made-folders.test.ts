/** Folders that are made on the way to something: who can look into them, and when they go again. */
import { lstatSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import { createMadeFolders } from '../../../src/storage/inbox/made-folders.js';
import { expectPart, offerDirectory, offerFile, offerLink, receiveFile } from '../../contract/sink.contract.js';
import { createFakeSpace, KEPT } from '../../support/fake-disk.js';
import { readNames, tempDir } from '../../support/folders.js';

const modeOf = (path: string) => (lstatSync(path).mode & 0o777).toString(8);

async function setUp(options: Partial<FileSinkOptions> = {}) {
  const dir = await tempDir();
  const open = (peer = 'sender') => createFileSink({ dir, onConflict: 'fail', maxSize: 2 ** 30, peer, ...options });
  await mkdir(join(dir, 'usual'));
  return {
    dir,
    open,
    usual: modeOf(join(dir, 'usual')),
    names: async () => (await readNames(dir)).filter((name) => name !== 'usual'),
  };
}

describe('a folder that is made on the way', () => {
  it('is private until its offer says otherwise', async () => {
    const { dir, open } = await setUp();
    const sink = open();
    await receiveFile(sink, 'a/b/x', Buffer.from('1'));
    expect([modeOf(join(dir, 'a')), modeOf(join(dir, 'a/b'))]).toEqual(['700', '700']);
    await sink.place(offerDirectory('a/b', { mode: 0o705 }));
    await sink.place(offerDirectory('a', { mode: 0o750 }));
    expect([modeOf(join(dir, 'a')), modeOf(join(dir, 'a/b'))]).toEqual(['750', '705']);
    sink.finish();
    expect([modeOf(join(dir, 'a')), modeOf(join(dir, 'a/b'))]).toEqual(['750', '705']);
  });

  it('gets the usual permissions when its sender has said all and never named it', async () => {
    const { dir, open, usual } = await setUp();
    const sink = open();
    await receiveFile(sink, 'a/b/x', Buffer.from('1'));
    await sink.place(offerDirectory('a', { mode: 0o711 }));
    sink.finish();
    expect([modeOf(join(dir, 'a')), modeOf(join(dir, 'a/b'))]).toEqual(['711', usual]);
    expect(await readdir(join(dir, 'a/b'))).toEqual(['x']);
  });

  it('stays private after a break, until the same sender names it', async () => {
    const { dir, open } = await setUp();
    await receiveFile(open(), 'a/x', Buffer.from('1'));
    await open('another').place(offerDirectory('a', { mode: 0o777 }));
    expect(modeOf(join(dir, 'a'))).toBe('700');
    const again = open();
    await receiveFile(again, 'a/y', Buffer.from('2'));
    const offer = offerDirectory('a', { mode: 0o755 });
    await again.place(offer);
    expect(modeOf(join(dir, 'a'))).toBe('755');
    expect(lstatSync(join(dir, 'a'), { bigint: true }).mtimeNs).toBe(offer.mtimeNs);
  });

  it('that was there before is left alone', async () => {
    const { dir, open, usual } = await setUp();
    const sink = open();
    await receiveFile(sink, 'usual/x', Buffer.from('1'));
    sink.finish();
    expect(modeOf(join(dir, 'usual'))).toBe(usual);
  });
});

describe('folders on the way to something that does not come', () => {
  it('are not even made for what is refused', async () => {
    const { open, names } = await setUp();
    await expect(open().place(offerLink('a/b/l', '../../../x'))).rejects.toMatchObject({ code: 'bad-link' });
    await expect(open().open(offerFile('a/b/c/x', 2 ** 31))).rejects.toMatchObject({ code: 'too-large' });
    expect(await names()).toEqual([]);
  });

  it('go when there is no room for it', async () => {
    // Room for the folders, and not for the file.
    const space = createFakeSpace(() => ({ freeBytes: KEPT + 3 * 4096 }));
    const { open, names } = await setUp({ space });
    await expect(open().open(offerFile('a/b/x', BLOCK_BYTES))).rejects.toMatchObject({ name: 'FtxError' });
    expect(await names()).toEqual([]);
  });

  it.each(['discard', 'suspend'] as const)('go when it breaks off (%s)', async (end) => {
    const { open, names } = await setUp();
    const part = expectPart(await open().open(offerFile('a/b/x', 4)));
    await part.write(Buffer.from('1'), 0);
    await part[end]();
    expect(await names()).toEqual([]);
  });

  it('go when it cannot be committed', async () => {
    const { open, names } = await setUp();
    const part = expectPart(await open().open(offerFile('a/b/x', 4)));
    await expect(part.commit(4)).rejects.toMatchObject({ code: 'io' });
    expect(await names()).toEqual([]);
  });

  it('stay with what is kept of a large one, and go with it', async () => {
    const { open, names } = await setUp();
    const begin = async () => expectPart(await open().open(offerFile('a/x', 20 * BLOCK_BYTES)));
    const part = await begin();
    await part.write(new Uint8Array(BLOCK_BYTES), 0);
    part.confirm(0, 1n);
    await part.suspend();
    expect(await names()).toHaveLength(3);
    await (await begin()).discard();
    expect(await names()).toEqual([]);
  });

  it('stay as far as something else is in them, or may come', async () => {
    const { dir, open, names } = await setUp();
    await mkdir(join(dir, 'usual', 'there'));
    const sink = open();
    const parts = [];
    for (const path of ['a/b/x', 'a/b/y', 'a/c/d/x', 'usual/there/e/x'])
      parts.push(expectPart(await sink.open(offerFile(path, 1))));
    const [first, second, other, below] = parts;
    await receiveFile(sink, 'a/c/file', Buffer.from('1'));
    await other!.discard();
    await below!.discard();
    await first!.discard();
    expect(await names()).toEqual(['a', 'a/b', 'a/c', 'a/c/file', 'usual/there']);
    await second!.write(Buffer.from('1'), 0);
    expect(await second!.commit(1)).toEqual({ as: 'a/b/y' });
  });

  it('stay when they have been offered', async () => {
    const { open, names } = await setUp();
    const sink = open();
    const part = expectPart(await sink.open(offerFile('a/x', 1)));
    await sink.place(offerDirectory('a'));
    await part.discard();
    expect(await names()).toEqual(['a']);
  });

  it('stay when another session has come into them', async () => {
    const { open, names } = await setUp();
    const [mine, others] = [open('one'), open('other')];
    const part = expectPart(await mine.open(offerFile('a/x', 1)));
    const beside = expectPart(await others.open(offerFile('a/y', 1)));
    await part.discard();
    await beside.write(Buffer.from('1'), 0);
    expect(await beside.commit(1)).toEqual({ as: 'a/y' });
    expect(await names()).toEqual(['a', 'a/y']);
  });
});

it('remembers only so many, the last ones made', async () => {
  const path = await tempDir();
  const folder = { path, stats: lstatSync(path, { bigint: true }) };
  const made = createMadeFolders('/nowhere', 'sender');
  const count = 500_000;
  for (let n = 0; n <= count; n++) void made.note(`folder ${n}`, folder);
  expect(await made.markOffered('folder 0', folder)).toBe(false);
  expect(await made.markOffered('folder 1', folder)).toBe(true);
  expect(await made.markOffered(`folder ${count}`, folder)).toBe(true);
});
