/** Links that somebody plants in the receive folder while something is on its way into it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { readdirSync, rmSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Entry } from '../../../src/core/entry.js';
import type { PartFile } from '../../../src/core/sink.js';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import { holdWay } from '../../../src/storage/disk/held-folder.js';
import {
  expectPart,
  offerDirectory,
  offerFile,
  offerLink,
  receiveFile,
  refusal,
  PROOF,
} from '../../contract/sink.contract.js';
import { makeContent, readTree, tempDir, type TreeEntry } from '../../support/folders.js';

const LARGE = 9 * 1024 * 1024;

/** A receive folder `inbox` with a folder `d` in it, and beside it somebody's own. */
async function setUp(options: Partial<FileSinkOptions> = {}) {
  const parent = await tempDir();
  const dir = join(parent, 'inbox');
  const outside = join(parent, 'outside');
  await mkdir(join(dir, 'd'), { recursive: true });
  await mkdir(join(outside, 'e'), { recursive: true });
  for (const name of ['x', 'victim', 'e/x']) await writeFile(join(outside, name), 'precious');
  // Nobody waits for the disk: for that, one more descriptor stays open a moment longer.
  const some = { dir, isKnown: true, onConflict: 'overwrite', maxSize: Infinity, sync: false } as const;
  const sink = createFileSink({ ...some, ...options });
  const readOutside = (): Promise<TreeEntry[]> => readTree(outside);
  const before = await readOutside();
  return {
    dir,
    sink,
    /** Puts a link to outside where `d` was, and `d` aside. */
    plant: async () => {
      await rename(join(dir, 'd'), join(dir, 'moved'));
      await symlink(outside, join(dir, 'd'));
    },
    expectUntouched: async () => expect(await readOutside()).toEqual(before),
    names: (folder: string) => readdirSync(join(dir, folder)).sort(),
  };
}

const countDescriptors = () => readdirSync('/proc/self/fd').length;

describe.skipIf(process.platform !== 'linux')('a folder that becomes a link to outside', () => {
  async function begin(
    sink: Awaited<ReturnType<typeof setUp>>['sink'],
    path = 'd/x',
    size: number | null = 4,
  ): Promise<PartFile> {
    return expectPart(await sink.open(offerFile(path, size)));
  }

  it.each(['rename', 'overwrite', 'skip', 'fail'] as const)(
    'between the last block and the commit redirects nothing (%s)',
    async (onConflict) => {
      const { sink, plant, expectUntouched, names } = await setUp({ onConflict });
      const part = await begin(sink);
      await part.write(Buffer.from('evil'), 0);
      await plant();
      await expect(part.commit(4)).rejects.toThrow(refusal('bad-parent'));
      await expectUntouched();
      expect(names('moved')).toEqual([]);
    },
  );

  it('between the offer and the first block redirects nothing', async () => {
    const { sink, plant, expectUntouched, names } = await setUp();
    const part = await begin(sink);
    await plant();
    await part.write(Buffer.from('evil'), 0);
    await expectUntouched();
    await expect(part.commit(4)).rejects.toThrow(refusal('bad-parent'));
    await expectUntouched();
    expect(names('moved')).toEqual([]);
  });

  it('before a discard makes nothing be removed elsewhere', async () => {
    const { sink, plant, expectUntouched, names } = await setUp();
    const part = await begin(sink);
    await part.write(Buffer.from('evil'), 0);
    await plant();
    await part.discard();
    await expectUntouched();
    expect(names('moved')).toEqual([]);
  });

  it('redirects no journal either', async () => {
    const { sink, plant, expectUntouched, names } = await setUp({ peer: 'somebody' });
    const content = makeContent(LARGE);
    const part = await begin(sink, 'd/x', LARGE);
    await part.write(content.subarray(0, 1024 * 1024), 0);
    part.confirm(0, 1n);
    await plant();
    await part.suspend();
    await expectUntouched();
    expect(names('moved')).toHaveLength(2);
  });

  it('on the way, some levels up, redirects nothing', async () => {
    const { dir, sink, plant, expectUntouched } = await setUp();
    await mkdir(join(dir, 'd', 'e'));
    const part = await begin(sink, 'd/e/x');
    await part.write(Buffer.from('evil'), 0);
    await plant();
    await expect(part.commit(4)).rejects.toThrow(refusal('bad-parent'));
    await expectUntouched();
  });

  it('takes no folder, no link and no new file', async () => {
    const { sink, plant, expectUntouched } = await setUp();
    await sink.place(offerDirectory('d/own'));
    await plant();
    for (const offer of [
      offerDirectory('d'),
      offerDirectory('d/own', { mode: 0o777 }),
      offerDirectory('d/new'),
      offerLink('d/l', 'x'),
    ])
      await expect(sink.place(offer)).rejects.toMatchObject({ name: 'FtxError' });
    await expect(sink.open(offerFile('d/new', 1))).rejects.toThrow(refusal('bad-parent'));
    await expectUntouched();
  });

  it('is not what a file that is there already is compared with', async () => {
    const { dir, sink, plant, expectUntouched } = await setUp({ onConflict: 'skip' });
    await writeFile(join(dir, 'd', 'x'), 'precious');
    await utimes(join(dir, 'd', 'x'), 1_600_000_000, 1_600_000_000);
    const present = await sink.open(offerFile('d/x', 8), PROOF);
    if (present.state !== 'present') throw new Error('it is there');
    await plant();
    const blocks = present.blocks()[Symbol.asyncIterator]();
    await expect(blocks.next()).rejects.toThrow(refusal('bad-parent'));
    await expectUntouched();
  });
});

it('a folder that was moved away is not said to hold the file', async (context) => {
  if (process.platform !== 'linux') return context.skip('needs folders held by descriptor');
  const { dir, sink } = await setUp();
  const part = expectPart(await sink.open(offerFile('d/x', 4)));
  await part.write(Buffer.from('data'), 0);
  await rename(join(dir, 'd'), join(dir, 'moved'));
  await mkdir(join(dir, 'd'));
  await expect(part.commit(4)).rejects.toThrow(
    'd/x: the folder it was to be in has been moved, replaced or removed meanwhile.',
  );
  expect(await receiveFile(sink, 'd/x', Buffer.from('data'))).toBe('d/x');
  expect(await readFile(join(dir, 'd', 'x'), 'utf8')).toBe('data');
});

describe('what is planted at the names of a transfer that broke off', () => {
  it.each([
    ['a link', (victim: string, name: string) => symlink(victim, name)],
    ['another name of a file', (victim: string, name: string) => link(victim, name)],
    ['a pipe', (_victim: string, name: string) => Promise.resolve(void execFileSync('mkfifo', [name]))],
    ['a folder', (_victim: string, name: string) => mkdir(name)],
  ])('is neither written to nor waited for (%s)', async (_, plant) => {
    const { dir, sink, expectUntouched } = await setUp({ peer: 'somebody' });
    const content = makeContent(LARGE);
    const begin = async () => expectPart(await sink.open(offerFile('d/x', LARGE)));
    const first = await begin();
    await first.write(content.subarray(0, 1024 * 1024), 0);
    first.confirm(0, 1n);
    await first.suspend();
    const names = readdirSync(join(dir, 'd'));
    expect(names).toHaveLength(2);
    for (const name of names) {
      await rm(join(dir, 'd', name));
      await plant(join(dir, '..', 'outside', 'victim'), join(dir, 'd', name));
    }
    expect(await receiveFile(sink, 'd/x', content)).toBe('d/x');
    expect((await readFile(join(dir, 'd', 'x'))).equals(content)).toBe(true);
    for (const name of names) await rm(join(dir, 'd', name), { recursive: true, force: true });
    await expectUntouched();
  });
});

/** Swaps the folder for a link and back, without a pause, in a process of its own. */
const SWAPPER = `
  const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
  const [d, aside, outside] = process.argv.slice(1);
  process.stdout.write('ready');
  for (;;) {
    try { renameSync(d, aside); } catch {}
    try { symlinkSync(outside, d); unlinkSync(d); } catch {}
    try { renameSync(aside, d); } catch {}
  }`;

it('a folder that is swapped for a link all the time redirects nothing, and no folder stays open', async (context) => {
  if (process.platform !== 'linux') return context.skip('needs folders held by descriptor');
  const { dir, sink, expectUntouched } = await setUp();
  const swapper = spawn(process.execPath, [
    '-e',
    SWAPPER,
    join(dir, 'd'),
    join(dir, 'aside'),
    join(dir, '..', 'outside'),
  ]);
  onTestFinished(() => void swapper.kill('SIGKILL'));
  await once(swapper.stdout, 'data');
  const before = countDescriptors();
  const attempt = (offer: Entry): Promise<unknown> =>
    offer.kind === 'file' ? receiveFile(sink, offer.path, Buffer.from('evil')) : sink.place(offer);
  for (let round = 0; round < 300; round++) {
    const offers = [
      offerFile('d/x', 4),
      offerFile('d/e/x', 4),
      offerFile(`d/new ${round}`, 4),
      offerDirectory(`d/folder ${round}`),
      offerLink('d/l', 'x'),
    ];
    await Promise.allSettled(offers.map(attempt));
  }
  expect(countDescriptors()).toBe(before);
  swapper.kill('SIGKILL');
  await once(swapper, 'close');
  await expectUntouched();
});

describe.skipIf(process.platform !== 'linux')('descriptors', () => {
  it('are given back when a link takes the place of a folder just before that is opened', async () => {
    const { dir } = await setUp();
    const before = countDescriptors();
    const { openSync } = fs;
    onTestFinished(() => {
      fs.openSync = openSync;
      syncBuiltinESMExports();
    });
    fs.openSync = (path, ...rest) => {
      if (String(path).endsWith('/d')) throw Object.assign(new Error('planted'), { code: 'ELOOP' });
      return openSync(path, ...rest);
    };
    syncBuiltinESMExports();
    expect(() => holdWay({ root: dir, components: ['d'] })).toThrow('planted');
    expect(countDescriptors()).toBe(before);
  });

  it('are given back when the folder is removed between the offer and the first block', async () => {
    const { sink, dir } = await setUp();
    const before = countDescriptors();
    const removeFolder = (block: Uint8Array) => {
      rmSync(join(dir, 'd'), { recursive: true });
      return block;
    };
    const received = receiveFile(sink, 'd/x', Buffer.from('1'), removeFolder);
    await expect(received).rejects.toThrow('the folder it was to be in is gone');
    expect(countDescriptors()).toBe(before);
  });

  it('are shared by all who put something into a folder, and given back', async () => {
    const { sink, dir } = await setUp();
    const before = countDescriptors();
    const parts = await Promise.all(Array.from({ length: 50 }, (_, n) => sink.open(offerFile(`d/${n}`, 1))));
    expect(countDescriptors() - before).toBeLessThanOrEqual(2);
    for (const part of parts) await expectPart(part).discard();
    expect(countDescriptors()).toBe(before);
    for (let n = 0; n < 300; n++) await receiveFile(sink, `many/${n}/x`, Buffer.from('1'));
    await sink.place(offerDirectory('d/e/f'));
    await sink.place(offerLink('d/l', 'x'));
    await expect(sink.open(offerFile('d/l/x', 1))).rejects.toThrow(refusal('bad-parent'));
    expect(countDescriptors()).toBe(before);
    await rm(dir, { recursive: true });
    await expect(sink.open(offerFile('d/x', 1))).rejects.toThrow('the folder it was to be in is gone');
    expect(countDescriptors()).toBe(before);
  });

  it('are few, in however many folders something is awaited', async () => {
    const { dir, sink, plant, expectUntouched } = await setUp();
    const before = countDescriptors();
    const parts = [];
    for (let n = 0; n < 300; n++) parts.push(expectPart(await sink.open(offerFile(`many/${n}/x`, 1))));
    const last = expectPart(await sink.open(offerFile('d/x', 1)));
    expect(countDescriptors() - before).toBeLessThanOrEqual(66);
    await parts[299]!.write(Buffer.from('1'), 0);
    await parts[299]!.commit(1);
    expect(await readFile(join(dir, 'many/299/x'), 'utf8')).toBe('1');
    await plant();
    await expect(last.write(Buffer.from('evil'), 0)).rejects.toThrow(refusal('bad-parent'));
    await expect(last.commit(1)).rejects.toThrow(refusal('bad-parent'));
    await rm(join(dir, 'many/298'), { recursive: true });
    await expect(parts[298]!.commit(1)).rejects.toThrow('the folder it was to be in is gone');
    for (const part of parts) await part.discard();
    await expectUntouched();
    expect(countDescriptors()).toBe(before);
  });

  it('that are kept for the next one are few', async () => {
    const { sink } = await setUp();
    const before = countDescriptors();
    const held = expectPart(await sink.open(offerFile('d/x', 1)));
    for (let n = 0; n < 300; n++) await receiveFile(sink, `many/${n}/x`, Buffer.from('1'));
    expect(countDescriptors() - before).toBeLessThanOrEqual(66);
    await held.discard();
    expect(countDescriptors()).toBe(before);
  });
});
