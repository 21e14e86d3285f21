/** Folders that are there: whoever made them may not have waited for the disk, so a receiver that promises to does it once. */
import { fsync, readlinkSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { FolderInboxOptions } from '../../../src/storage/inbox/inbox.js';
import { openFolderInbox } from '../../../src/storage/inbox/inbox.js';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import { offerDirectory, offerFile, offerLink, receiveFile, refusal } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';
import { skipTest } from '../../support/skips.js';

// So that each sync is seen, and can be made to fail.
vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  return { ...real, fsync: vi.fn(real.fsync) };
});
const { fsync: realSync } = await vi.importActual<typeof import('node:fs')>('node:fs');

beforeEach((context) => {
  if (process.platform !== 'linux') skipTest(context, 'what is synced is read from /proc');
});

afterEach(() => {
  vi.mocked(fsync).mockReset();
  vi.restoreAllMocks();
});

function makeSink(dir: string, options: Partial<FileSinkOptions> = {}) {
  return createFileSink({ dir, isKnown: true, onConflict: 'rename', maxSize: Infinity, ...options });
}

/** The folders below `dir` that are synced from now on, in the order of their names. `dir` itself is `.`. */
async function watchSyncs(dir: string): Promise<() => string[]> {
  const synced: string[] = [];
  const note = (fd: number): void => {
    const path = readlinkSync(`/proc/self/fd/${fd}`);
    if (!path.includes('.ftx-')) synced.push(path === dir ? '.' : path.slice(dir.length + 1));
  };
  vi.mocked(fsync).mockImplementation((fd, done) => {
    note(fd);
    realSync(fd, done);
  });
  const handle = await fs.open('/dev/null');
  await handle.close();
  const prototype = Object.getPrototypeOf(handle) as fs.FileHandle;
  const real = Object.getOwnPropertyDescriptor(prototype, 'sync')!.value as (...args: unknown[]) => Promise<void>;
  vi.spyOn(prototype, 'sync').mockImplementation(async function (this: fs.FileHandle) {
    note(this.fd);
    await real.call(this);
  });
  return () => synced.splice(0).sort();
}

/** Folders a, a/b and a/b/c, as mkdir leaves them. */
async function makeFolders(): Promise<string> {
  const dir = await tempDir();
  await fs.mkdir(join(dir, 'a/b/c'), { recursive: true });
  return dir;
}

type Bring = (sink: ReturnType<typeof makeSink>, number: number) => Promise<unknown>;

const KINDS: readonly (readonly [string, Bring, readonly string[], readonly string[]])[] = [
  // The file itself and its folder are synced each time.
  [
    'a file',
    (sink, number) => receiveFile(sink, `a/b/f${number}`, Buffer.from(String(number))),
    ['.', 'a', 'a', 'a/b', 'a/b'],
    ['a/b'],
  ],
  ['a link', (sink, number) => sink.place(offerLink(`a/b/l${number}`, 'x')), ['.', 'a', 'a', 'a/b', 'a/b'], ['a/b']],
  ['the same link again', (sink) => sink.place(offerLink('a/b/l', 'x')), ['.', 'a', 'a', 'a/b', 'a/b'], ['a/b']],
  ['a folder that is there', (sink) => sink.place(offerDirectory('a/b')), ['.', 'a', 'a', 'a/b'], []],
  [
    'a new folder',
    (sink, number) => sink.place(offerDirectory(`a/b/d${number}`)),
    ['.', 'a', 'a', 'a/b', 'a/b'],
    ['a/b'],
  ],
];

describe('folders on the way that are there', () => {
  it.each(KINDS)('are made durable before %s is, and only once', async (_, bring, first, later) => {
    const dir = await makeFolders();
    const synced = await watchSyncs(dir);
    const folders = () => synced().filter((path) => !/^a\/b\/[fd]\d$/.test(path));
    await bring(makeSink(dir), 1);
    expect(folders()).toEqual(first);
    // For all sessions of the process.
    for (const [number, sink] of [makeSink(dir), makeSink(dir)].entries()) {
      await bring(sink, 2 + number);
      expect(folders()).toEqual(later);
    }
  });

  it('are not synced again after the receiver has made them itself', async () => {
    const dir = await tempDir();
    await receiveFile(makeSink(dir), 'a/b/x', Buffer.from('1'));
    const synced = await watchSyncs(dir);
    await receiveFile(makeSink(dir), 'a/b/y', Buffer.from('2'));
    expect(synced()).toEqual(['a/b']);
  });

  it('are synced when the session that made them did not wait for the disk', async () => {
    const dir = await tempDir();
    await receiveFile(makeSink(dir, { sync: false }), 'a/x', Buffer.from('1'));
    await makeSink(dir, { sync: false }).place(offerDirectory('a'));
    const synced = await watchSyncs(dir);
    await makeSink(dir).place(offerDirectory('a'));
    expect(synced()).toEqual(['.', 'a']);
  });

  it('are left to the system by a receiver that promises nothing', async () => {
    const dir = await makeFolders();
    const synced = await watchSyncs(dir);
    for (const [, bring] of KINDS) await bring(makeSink(dir, { sync: false }), 1);
    expect(synced()).toEqual([]);
  });

  it('fail what needs them when they cannot be made durable, and are synced again for the next', async () => {
    const dir = await makeFolders();
    const synced = await watchSyncs(dir);
    const failure = Object.assign(new Error('EIO: injected'), { code: 'EIO' });
    vi.mocked(fsync).mockImplementationOnce((_, done) => done(failure));
    await expect(makeSink(dir).place(offerDirectory('a'))).rejects.toThrow(refusal('io'));
    synced();
    expect(await makeSink(dir).place(offerDirectory('a'))).toEqual({ as: 'a', already: true });
    expect(synced()).toEqual(['.', 'a']);
  });

  it('are used all the same where this user may walk and not list', async () => {
    const dir = await makeFolders();
    const denied = Object.assign(new Error('EACCES: injected'), { code: 'EACCES' });
    vi.mocked(fsync).mockImplementationOnce((_, done) => done(denied));
    expect(await makeSink(dir).place(offerDirectory('a'))).toEqual({ as: 'a', already: true });
  });
});

describe('a file that was brought when nobody waited for the disk', () => {
  const bringer = { kind: 'key', id: `sha256:${'a'.repeat(64)}` } as const;
  const offer = offerFile('x', 1);
  const vouched = { canProve: true, pin: 'ab', transfer: 'cd' };

  async function openInbox(dir: string, options: Partial<FolderInboxOptions>) {
    const limits = { maxSize: Infinity, maxFiles: Infinity, quota: undefined, keepPartsMs: Infinity };
    const inbox = await openFolderInbox({ dir, ...limits, sync: true, ledger: true, ...options });
    onTestFinished(() => inbox.close());
    return inbox.session({ bringer, isKnown: false, onConflict: 'rename', isResumable: true });
  }

  it.each([
    ['is read and made durable before it counts as stored', true, 'present'],
    ['is there at once for a receiver that promises nothing', false, 'delivered'],
  ])('%s', async (_, sync, state) => {
    const dir = await tempDir();
    const first = await (await openInbox(dir, { sync: false })).open(offer, vouched);
    if (first.state !== 'part') throw new Error('it is new');
    await first.write(Buffer.from('1'), 0);
    await first.commit(1, '0'.repeat(16));
    expect((await (await openInbox(dir, { sync })).open(offer, vouched)).state).toBe(state);
  });
});
