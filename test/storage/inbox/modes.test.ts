/** Which mode the files and folders get that come into the receive folder. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import { expectPart, offerDirectory, offerFile } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';
import { skipTest } from '../../support/skips.js';

beforeEach((context) => {
  if (process.platform === 'win32') skipTest(context, 'Windows has no permission bits');
});

function makeSink(dir: string, options: Partial<FileSinkOptions> = {}) {
  return createFileSink({ dir, isKnown: true, onConflict: 'rename', maxSize: Infinity, ...options });
}

async function receive(sink: ReturnType<typeof createFileSink>, path: string, offer: Parameters<typeof offerFile>[2]) {
  const part = expectPart(await sink.open(offerFile(path, 0, offer)));
  await part.commit(0);
}

async function modeOf(dir: string, path: string): Promise<string> {
  return ((await stat(join(dir, path))).mode & 0o7777).toString(8);
}

function setUmask(mask: number): void {
  const before = process.umask(mask);
  onTestFinished(() => void process.umask(before));
}

/** Every kind of new entry, and the mode that it has in the end. */
async function receiveAll(dir: string, options: Partial<FileSinkOptions> = {}): Promise<Record<string, string>> {
  const sink = makeSink(dir, options);
  await receive(sink, 'd/sub/f', { mode: 0o600 });
  await sink.place(offerDirectory('d/sub', { mode: 0o700 }));
  await sink.place(offerDirectory('d', { mode: 0o755 }));
  await receive(sink, 'trip/photo', { mode: 0o640 });
  await receive(sink, 'stream', { size: null, mode: 0o644 });
  await receive(sink, 'classic', { mode: null });
  sink.finish();
  const names = ['d', 'd/sub', 'd/sub/f', 'trip', 'trip/photo', 'stream', 'classic'];
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await modeOf(dir, name)] as const)));
}

const SENT = { d: '755', 'd/sub': '700', 'd/sub/f': '600', 'trip/photo': '640' };

describe('the modes of what comes', () => {
  it.each([
    ['022', 0o022, { trip: '755', stream: '644', classic: '644' }],
    ['002', 0o002, { trip: '775', stream: '664', classic: '664' }],
    ['077', 0o077, { trip: '700', stream: '600', classic: '600' }],
  ])('are those of the offers, and where there are none, of the umask %s', async (_, mask, usual) => {
    const dir = await tempDir();
    setUmask(mask);
    expect(await receiveAll(dir)).toEqual({ ...SENT, ...usual });
  });

  it('are, for what has none, those of the default access list of the folder', async (context) => {
    const dir = await tempDir();
    try {
      execFileSync('setfacl', ['-d', '-m', 'u::rwx,g::rwx,o::-', dir], { stdio: 'ignore' });
    } catch {
      skipTest(context, 'setfacl is not installed, or the file system has no access lists');
    }
    expect(await receiveAll(dir)).toEqual({ ...SENT, trip: '770', stream: '660', classic: '660' });
  });

  it('keep setgid in each new folder, so that the group of a team goes on', async () => {
    const dir = await tempDir();
    await chmod(dir, 0o2775);
    setUmask(0o002);
    expect(await receiveAll(dir)).toEqual({
      ...SENT,
      ...{ d: '2755', 'd/sub': '2700', trip: '2775', stream: '664', classic: '664' },
    });
  });

  it('are those of the receiver if it has set some', async () => {
    const dir = await tempDir();
    await chmod(dir, 0o2775);
    expect(await receiveAll(dir, { fileMode: 0o664, dirMode: 0o775 })).toEqual({
      ...{ d: '2775', 'd/sub': '2775', trip: '2775' },
      ...{ 'd/sub/f': '664', 'trip/photo': '664', stream: '664', classic: '664' },
    });
  });
});

describe('a new folder of a stranger', () => {
  it.each([
    ['d', 0o000, '700'],
    ['d', 0o777, '755'],
    ['d', 0o1555, '755'],
    ['d', 0o775, '755'],
    ['d', 0o750, '750'],
    // Below a folder that is not the stranger's.
    ['there/d', 0o000, '700'],
    ['there/d', 0o777, '755'],
    ['there/d', 0o555, '755'],
    ['there/d', 0o750, '750'],
    // Below one of its own.
    ['d/sub', 0o000, '0'],
    ['d/sub', 0o500, '500'],
    ['d/sub', 0o777, '777'],
    ['there/d/sub', 0o777, '777'],
  ])('%s of mode %o has mode %s', async (path, mode, becomes) => {
    const dir = await tempDir();
    await mkdir(join(dir, 'there'));
    await makeSink(dir, { isKnown: false }).place(offerDirectory(path, { mode }));
    expect(await modeOf(dir, path)).toBe(becomes);
  });

  it('has the mode of its offer when the receiver knows the sender', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'there'));
    const sink = makeSink(dir, { isKnown: true });
    for (const path of ['d', 'there/d']) {
      await sink.place(offerDirectory(path, { mode: 0o575 }));
      expect(await modeOf(dir, path)).toBe('575');
    }
  });
});

describe('a folder that is there', () => {
  const FIRST = { mode: 0o755, mtimeNs: 1_600_000_000_000_000_000n };
  const SECOND = { mode: 0o750, mtimeNs: 1_500_000_000_000_000_000n };
  const one = { peer: 'one' };

  it('takes the new mode and time of the sender that has made it', async () => {
    const dir = await tempDir();
    await makeSink(dir, one).place(offerDirectory('d', FIRST));
    expect(await makeSink(dir, one).place(offerDirectory('d', SECOND))).toEqual({ as: 'd' });
    expect(await modeOf(dir, 'd')).toBe('750');
    expect((await stat(join(dir, 'd'))).mtimeMs).toBe(1_500_000_000_000);
  });

  it.each([['another sender', { peer: 'two' }] as const, ['a sender that nothing is known of', {}] as const])(
    'is left as it is for %s, and not called stored anew',
    async (_, other) => {
      const dir = await tempDir();
      await makeSink(dir, one).place(offerDirectory('d', FIRST));
      expect(await makeSink(dir, other).place(offerDirectory('d', SECOND))).toEqual({ as: 'd', already: true });
      expect(await modeOf(dir, 'd')).toBe('755');
      expect((await stat(join(dir, 'd'))).mtimeMs).toBe(1_600_000_000_000);
    },
  );

  it('is left as it is when its owner has made it anew', async () => {
    const dir = await tempDir();
    await makeSink(dir, one).place(offerDirectory('d', FIRST));
    execFileSync('rmdir', [join(dir, 'd')]);
    await mkdir(join(dir, 'd'), { mode: 0o700 });
    expect(await makeSink(dir, one).place(offerDirectory('d', { mode: 0o777 }))).toMatchObject({ already: true });
    expect(await modeOf(dir, 'd')).toBe('700');
  });
});
