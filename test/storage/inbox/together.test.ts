/** Small files that are stored together: what is plain, and what is left to the caller, with nothing left behind. */
import {
  chmodSync,
  fchmodSync,
  fsync,
  linkSync,
  lstatSync,
  openSync,
  readlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { lstat, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { digestBlock, formatDigest } from '../../../src/core/checksum.js';
import type { Entry } from '../../../src/core/entry.js';
import type { Sink, WholeFile } from '../../../src/core/sink.js';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import { createQuota } from '../../../src/storage/inbox/quota.js';
import { offerFile, receiveFile } from '../../contract/sink.contract.js';
import { createFakeSpace, KEPT } from '../../support/fake-disk.js';
import { readNames, tempDir } from '../../support/folders.js';

// So that single calls can be made to fail; each does the real thing until told otherwise.
vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  const { fchmodSync, fsync, linkSync, lstatSync, openSync, unlinkSync, writeSync } = real;
  const calls = { fchmodSync, fsync, linkSync, lstatSync, openSync, unlinkSync, writeSync };
  return { ...real, ...Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, vi.fn(call)])) };
});

afterEach(() => {
  for (const call of [fchmodSync, fsync, linkSync, lstatSync, openSync, unlinkSync, writeSync])
    vi.mocked(call as () => unknown).mockReset();
});

function makeSink(dir: string, options: Partial<FileSinkOptions> = {}): Required<Pick<Sink, 'storeTogether'>> & Sink {
  return createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, ...options }) as ReturnType<typeof makeSink>;
}

function wholeFile(path: string, text: string | Buffer = `content of ${path}`, more: Partial<Entry> = {}): WholeFile {
  const content = Buffer.from(text);
  const digest = formatDigest(digestBlock(content));
  return { offer: offerFile(path, content.length, more), vouched: { canProve: false }, content, digest };
}

const PLAIN = ['a', 'd/b', 'd/c', 'd/e/f', ''.padEnd(255, 'n')];

describe('plain files', () => {
  it.each(['rename', 'overwrite', 'skip', 'fail'] as const)(
    'are stored with time and mode (%s)',
    async (onConflict) => {
      const dir = await tempDir();
      const files = [...PLAIN.map((path) => wholeFile(path)), wholeFile('empty', '')];
      const answers = await makeSink(dir, { onConflict }).storeTogether(files);
      expect(answers).toEqual(files.map(({ offer: { path } }) => ({ as: path })));
      for (const { offer, content } of files) {
        expect(await readFile(join(dir, offer.path))).toEqual(content);
        const { mode, mtimeNs, nlink } = lstatSync(join(dir, offer.path), { bigint: true });
        expect([mode & 0o7777n, mtimeNs, nlink]).toEqual([0o640n, offer.mtimeNs, 1n]);
      }
      expect(await readNames(dir)).toEqual([...PLAIN, 'd', 'd/e', 'empty'].sort());
    },
  );

  it('have what one file by itself has: mode of all files, private folders', async () => {
    const [one, other] = [await tempDir(), await tempDir()];
    await makeSink(one, { fileMode: 0o604 }).storeTogether([wholeFile('d/f', 'x')]);
    await receiveFile(makeSink(other, { fileMode: 0o604 }), 'd/f', Buffer.from('x'));
    for (const path of ['d', 'd/f'])
      expect((await lstat(join(one, path))).mode).toBe((await lstat(join(other, path))).mode);
  });

  it('are more than fit into one batch', async () => {
    const dir = await tempDir();
    const files = Array.from({ length: 1500 }, (_, number) => wholeFile(`d${number % 7}/f${number}`));
    expect(await makeSink(dir).storeTogether(files)).toEqual(files.map(({ offer: { path } }) => ({ as: path })));
    expect((await readNames(dir)).length).toBe(1507);
  });

  it('are stored once, although two sessions bring them at the same time', async () => {
    const dir = await tempDir();
    const files = PLAIN.map((path) => wholeFile(path));
    const both = await Promise.all([makeSink(dir), makeSink(dir)].map((sink) => sink.storeTogether(files)));
    for (const [number, path] of PLAIN.entries())
      expect(both.map((answers) => answers[number])).toEqual(expect.arrayContaining([{ as: path }, 'singly']));
    expect(await readNames(dir)).toEqual([...PLAIN, 'd', 'd/e'].sort());
  });

  it('go into a folder that is closed for writing, which is closed again', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'd'), { mode: 0o500 });
    expect(await makeSink(dir).storeTogether([wholeFile('d/f')])).toEqual([{ as: 'd/f' }]);
    expect((await lstat(join(dir, 'd'))).mode & 0o777).toBe(0o500);
    chmodSync(join(dir, 'd'), 0o700);
  });
});

describe('new folders', () => {
  /** The paths below `dir` that were synchronised since the last call. */
  function listSynced(dir: string): () => string[] {
    const synced: string[] = [];
    const real = vi.mocked(fsync).getMockImplementation()!;
    vi.mocked(fsync).mockImplementation((fd: number, done: (failure: Error | null) => void) => {
      synced.push(readlinkSync(`/proc/self/fd/${fd}`).slice(dir.length));
      real(fd, done);
    });
    return () => [...new Set(synced.splice(0))].filter((path) => !path.endsWith('.part')).sort();
  }

  it('are durable with their names before a file in them counts as stored, and once', async () => {
    const dir = await tempDir();
    const sink = makeSink(dir);
    const synced = listSynced(dir);
    expect(await sink.storeTogether([wholeFile('d/e/f'), wholeFile('d/g/f')])).not.toContain('singly');
    expect(synced()).toEqual(['', '/d', '/d/e', '/d/g']);
    expect(await sink.storeTogether([wholeFile('d/e/x')])).toEqual([{ as: 'd/e/x' }]);
    expect(synced()).toEqual(['/d/e']);
  });

  it('are durable before a file by itself counts as stored in them, while others are still on their way', async () => {
    const dir = await tempDir();
    const sink = makeSink(dir);
    const synced = listSynced(dir);
    const together = sink.storeTogether([wholeFile('d/e/f')]);
    await expect.poll(() => readNames(dir)).toContain('d/e');
    expect(await receiveFile(sink, 'd/e/x', Buffer.from('x'))).toBe('d/e/x');
    expect(synced()).toEqual(['', '/d', '/d/e']);
    await together;
  });

  it('are few for one batch, however deep its files are, and few are held at the same time', async () => {
    const dir = await tempDir();
    const deep = (top: number) => wholeFile(`${top}/${'d/'.repeat(90)}f`);
    const open = new Set<number>();
    let most = 0;
    const real = vi.mocked(openSync).getMockImplementation()!;
    vi.mocked(openSync).mockImplementation(((path: string, flags: number, mode?: number) => {
      const fd = real(path, flags, mode);
      open.add(fd);
      most = Math.max(most, open.size);
      return fd;
    }) as never);
    const answers = await makeSink(dir).storeTogether([1, 2, 3, 4].map(deep));
    expect(answers.map((answer) => answer !== 'singly')).toEqual([true, true, false, false]);
    expect((await readNames(dir)).filter((name) => !name.startsWith('1') && !name.startsWith('2'))).toEqual([]);
    // Descriptors have numbers that are used again.
    expect(most).toBeLessThan(100);
  });

  it('are not made for a file that is one too many', async () => {
    const dir = await tempDir();
    const sink = makeSink(dir, { maxFiles: 1 });
    expect(await sink.storeTogether([wholeFile('a'), wholeFile('d/b'), wholeFile('d/e/c')])).toEqual([
      { as: 'a' },
      'singly',
      'singly',
    ]);
    expect(await readNames(dir)).toEqual(['a']);
  });

  it('that nothing came into are removed', async () => {
    const dir = await tempDir();
    const sink = makeSink(dir, { maxSize: 1 });
    expect(await sink.storeTogether([wholeFile('a/b/c', 'x', { mode: 0o400 }), wholeFile('d/e', 'xy')])).toEqual([
      'singly',
      'singly',
    ]);
    vi.mocked(writeSync).mockImplementation(() => {
      throw new Error('EIO: made up');
    });
    expect(await sink.storeTogether([wholeFile('d/e/f', 'x')])).toEqual(['singly']);
    expect(await readNames(dir)).toEqual([]);
  });
});

describe('a file that is not plain', () => {
  const CASES: readonly (readonly [string, WholeFile])[] = [
    ['has a name that is taken', wholeFile('taken')],
    ['has the name of a folder', wholeFile('folder')],
    ['has the name of a link', wholeFile('link')],
    ['is below a link', wholeFile('link/x')],
    ['is below a file', wholeFile('taken/x')],
    ['leads out', wholeFile('../x')],
    ['is absolute', wholeFile('/etc/x')],
    ['has a name of the receiver', wholeFile('.ftx-x.part')],
    ['has a name that is too long', wholeFile('n'.repeat(256))],
    ['has a path that is too long', wholeFile('d/'.repeat(2047) + 'f')],
    ['is too large', wholeFile('large', Buffer.alloc(1001, 1))],
    ['has another size than its offer', { ...wholeFile('x'), content: Buffer.from('other') }],
    ['has a page of zeros', wholeFile('zeros', Buffer.concat([Buffer.alloc(4096), Buffer.from('x')]))],
    ['cannot be opened by its owner', wholeFile('closed', 'x', { mode: 0o444 })],
    ['has no mode', wholeFile('modeless', 'x', { mode: null })],
    ['is a folder', { ...wholeFile('x', ''), offer: { ...offerFile('x', 0), kind: 'directory' } }],
  ];

  it.each(CASES)('is left to the caller, and those beside it are stored: it %s', async (_, file) => {
    const dir = await tempDir();
    await writeFile(join(dir, 'taken'), 'before');
    await mkdir(join(dir, 'folder'));
    await symlink('folder', join(dir, 'link'));
    const answers = await makeSink(dir, { maxSize: 8192 }).storeTogether([wholeFile('one'), file, wholeFile('two')]);
    const size = file.offer.path === 'large' ? { as: 'large' } : 'singly';
    expect(answers).toEqual([{ as: 'one' }, size, { as: 'two' }]);
    expect(await readFile(join(dir, 'taken'), 'utf8')).toBe('before');
    const names = (await readNames(dir)).filter((name) => name !== 'large');
    expect(names).toEqual(['folder', 'link', 'one', 'taken', 'two']);
  });

  it('is the second of two with one name, and the sixth beyond the number of files', async () => {
    const dir = await tempDir();
    const sink = makeSink(dir, { maxFiles: 5 });
    const answers = await sink.storeTogether(['a', 'a', 'b', 'c', 'd', 'e', 'f'].map((path) => wholeFile(path)));
    expect(answers.map((answer) => answer !== 'singly')).toEqual([true, false, true, true, true, false, false]);
    // What is left to the caller is not counted twice.
    expect(await sink.storeTogether([wholeFile('g'), wholeFile('h')])).toEqual([{ as: 'g' }, 'singly']);
  });

  it('is larger than the receiver takes', async () => {
    const dir = await tempDir();
    expect(await makeSink(dir, { maxSize: 2 }).storeTogether([wholeFile('f', 'abc')])).toEqual(['singly']);
  });
});

describe('without room for all', () => {
  it('none is stored together, and nothing is counted: on the disk', async () => {
    const dir = await tempDir();
    const space = createFakeSpace(() => ({ freeBytes: KEPT + 3 * 4096 }));
    const sink = makeSink(dir, { space });
    const four = ['a', 'b', 'c', 'd'].map((path) => wholeFile(path));
    expect(await sink.storeTogether(four)).toEqual(four.map(() => 'singly'));
    expect(await sink.storeTogether(four.slice(1))).toEqual([{ as: 'b' }, { as: 'c' }, { as: 'd' }]);
  });

  it('none is stored together: for inodes', async () => {
    const sink = makeSink(await tempDir(), { space: createFakeSpace(() => ({ freeFiles: 2 })) });
    const three = ['a', 'b', 'c'].map((path) => wholeFile(path));
    expect(await sink.storeTogether(three)).toEqual(three.map(() => 'singly'));
    expect(await sink.storeTogether(three.slice(1))).toEqual([{ as: 'b' }, { as: 'c' }]);
  });

  it('none is stored together, and the quota keeps its room', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'b'), 'before');
    const quota = await createQuota(dir, 4 * 4096);
    const sink = makeSink(dir, { quota });
    const three = ['a', 'b', 'c'].map((path) => wholeFile(path));
    expect(await sink.storeTogether([...three, wholeFile('d')])).toEqual(['singly', 'singly', 'singly', 'singly']);
    // One of them has a name that is taken, so that its room is free again.
    expect(await sink.storeTogether(three)).toEqual([{ as: 'a' }, 'singly', { as: 'c' }]);
    expect(await sink.storeTogether([wholeFile('e')])).toEqual([{ as: 'e' }]);
    expect(await sink.storeTogether([wholeFile('g')])).toEqual(['singly']);
  });
});

describe('a step that fails', () => {
  const error = () => Object.assign(new Error('EIO: made up'), { code: 'EIO' });

  /** Lets the n-th call whose first argument fits fail. */
  function failCall(call: (...args: never[]) => unknown, fits: (first: unknown) => boolean): void {
    const real = vi.mocked(call).getMockImplementation()!;
    let isOver = false;
    vi.mocked(call).mockImplementation((...args: never[]) => {
      if (isOver || !fits(args[0])) return real(...args);
      isOver = true;
      throw error();
    });
  }

  const isPart = (path: unknown) => typeof path === 'string' && path.endsWith('.part');
  const any = () => true;
  const STEPS: readonly (readonly [string, () => void])[] = [
    ['the part file cannot be made', () => failCall(openSync, isPart)],
    ['its content cannot be written', () => failCall(writeSync, any)],
    ['its mode cannot be set', () => failCall(fchmodSync, any)],
    ['its name leads elsewhere', () => failCall(lstatSync, isPart)],
    ['it cannot be linked', () => failCall(linkSync, any)],
    ['the name of its part cannot be removed', () => failCall(unlinkSync, isPart)],
  ];

  it.each(STEPS)('leaves one file to the caller, and stores the others: %s', async (_, prepare) => {
    const dir = await tempDir();
    prepare();
    const answers = await makeSink(dir).storeTogether(['a', 'b', 'c'].map((path) => wholeFile(path)));
    expect(answers).toEqual(['singly', { as: 'b' }, { as: 'c' }]);
    expect(await readNames(dir)).toEqual(['b', 'c']);
  });

  /** Lets every fsync fail from the n-th on. */
  function failSyncs(from: number): void {
    const real = vi.mocked(fsync).getMockImplementation()!;
    let calls = 0;
    vi.mocked(fsync).mockImplementation((fd: number, done: (failure: Error | null) => void) => {
      calls += 1;
      if (calls < from) real(fd, done);
      else setImmediate(() => done(error()));
    });
  }

  it.each([1, 3])(
    'leaves all to the caller, because the %i. of three syncs failed: nothing has a name',
    async (from) => {
      const dir = await tempDir();
      failSyncs(from);
      const answers = await makeSink(dir).storeTogether(['a', 'b', 'c'].map((path) => wholeFile(path)));
      expect(answers).toEqual(['singly', 'singly', 'singly']);
      expect(await readNames(dir)).toEqual([]);
      expect(linkSync).not.toHaveBeenCalled();
    },
  );

  it('takes the names back, because the folder cannot be made durable, and that is not tried twice', async () => {
    const dir = await tempDir();
    failSyncs(4);
    const answers = await makeSink(dir).storeTogether(['a', 'b', 'c'].map((path) => wholeFile(path)));
    expect(linkSync).toHaveBeenCalledTimes(3);
    const message = expect.stringContaining("the receiver's disk reported an error") as string;
    expect(answers).toMatchObject(['a', 'b', 'c'].map(() => ({ code: 'io', message })));
    expect(await readNames(dir)).toEqual([]);
  });

  it('is found out once in a session, where the disk has no hard links: what is not written is not written twice', async () => {
    const dir = await tempDir();
    const sink = makeSink(dir);
    vi.mocked(linkSync).mockImplementation(() => {
      throw Object.assign(new Error('EPERM: made up'), { code: 'EPERM' });
    });
    expect(await sink.storeTogether([wholeFile('a'), wholeFile('b')])).toEqual(['singly', 'singly']);
    expect(linkSync).toHaveBeenCalledTimes(2);
    vi.mocked(writeSync).mockClear();
    expect(await sink.storeTogether([wholeFile('c'), wholeFile('d/e')])).toEqual(['singly', 'singly']);
    expect(writeSync).not.toHaveBeenCalled();
    expect(await readNames(dir)).toEqual([]);
  });

  it('does not keep a file from being stored when only its event fails', async () => {
    const dir = await tempDir();
    failCall(openSync, (path) => typeof path === 'string' && path.endsWith('/a'));
    expect(await makeSink(dir).storeTogether([wholeFile('a')])).toEqual([{ as: 'a' }]);
  });

  it('leaves files to the caller whose folder was moved while they were made durable', async () => {
    const dir = await tempDir();
    const real = vi.mocked(fsync).getMockImplementation()!;
    vi.mocked(fsync).mockImplementationOnce((fd: number, done: (failure: Error | null) => void) => {
      void rename(join(dir, 'd'), join(dir, 'moved')).then(() => real(fd, done));
    });
    await mkdir(join(dir, 'd'));
    const answers = await makeSink(dir).storeTogether([wholeFile('a'), wholeFile('d/b')]);
    expect(answers).toEqual([{ as: 'a' }, 'singly']);
    expect(await readNames(dir)).toEqual(['a', 'moved']);
  });
});
