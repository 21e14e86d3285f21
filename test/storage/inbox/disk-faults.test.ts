import { execFileSync } from 'node:child_process';
import { fchmodSync, fsync, futimesSync, linkSync, unlinkSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DiskFile } from '../../../src/storage/disk/disk-file.js';
import { inboxDisk } from '../../../src/storage/disk/latency.js';
import { createFileSink, type ConflictPolicy } from '../../../src/storage/inbox/file-sink.js';
import {
  expectPart,
  offerDirectory,
  offerFile,
  offerLink,
  receiveFile,
  refusal,
} from '../../contract/sink.contract.js';
import { readNames, tempDir } from '../../support/folders.js';

// So that single calls can be made to fail; each does the real thing until told otherwise.
vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  return { ...real, link: vi.fn(real.link), rename: vi.fn(real.rename), unlink: vi.fn(real.unlink) };
});

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  return {
    ...real,
    fchmodSync: vi.fn(real.fchmodSync),
    futimesSync: vi.fn(real.futimesSync),
    fsync: vi.fn(real.fsync),
    linkSync: vi.fn(real.linkSync),
    unlinkSync: vi.fn(real.unlinkSync),
  };
});

const POLICIES: readonly ConflictPolicy[] = ['rename', 'overwrite', 'skip', 'fail'];

function makeSink(dir: string, onConflict: ConflictPolicy = 'rename') {
  return createFileSink({ dir, isKnown: true, onConflict, maxSize: Infinity });
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** Makes the next call fail. */
function injectOnce(fault: 'chmod' | 'utimes' | 'sync', error: Error): void {
  if (fault === 'sync') vi.spyOn(DiskFile.prototype, 'sync').mockRejectedValueOnce(error);
  else
    vi.mocked(fault === 'chmod' ? fchmodSync : futimesSync).mockImplementationOnce(() => {
      throw error;
    });
}

/** Folders are held by descriptor, and synchronised by that, on Linux. */
async function failNextFolderSync(error: Error): Promise<void> {
  if (process.platform === 'linux') return void vi.mocked(fsync).mockImplementationOnce((_fd, done) => done(error));
  const handle = await fs.open('/dev/null');
  await handle.close();
  vi.spyOn(Object.getPrototypeOf(handle) as fs.FileHandle, 'sync').mockRejectedValueOnce(error);
}

async function mountSmallDisk(): Promise<string | undefined> {
  const dir = await tempDir();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', dir], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync('umount', [dir]));
  return dir;
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.mocked(fs.link).mockReset();
  vi.mocked(linkSync).mockReset();
  vi.mocked(fchmodSync).mockReset();
  vi.mocked(fsync).mockReset();
});

describe('a disk that is full', () => {
  it('is no-space, and what was written is given back', async (context) => {
    const dir = await mountSmallDisk();
    if (dir === undefined) return context.skip('a tmpfs cannot be mounted here');
    const part = expectPart(await makeSink(dir).open(offerFile('big', 1024 ** 2)));
    await expect(part.write(Buffer.alloc(1024 ** 2, 1), 0)).rejects.toThrow(refusal('no-space'));
    await expect(part.commit(1024 ** 2)).rejects.toThrow(
      "big: the receiver's disk is full; make room there, then send again.",
    );
    expect(await readNames(dir)).toEqual([]);
    expect(await receiveFile(makeSink(dir), 'small', Buffer.alloc(128 * 1024, 1))).toBe('small');
  });

  it('is denied when it is read-only', async (context) => {
    const dir = await mountSmallDisk();
    if (dir === undefined) return context.skip('a tmpfs cannot be mounted here');
    const part = expectPart(await makeSink(dir).open(offerFile('x', 1)));
    execFileSync('mount', ['-o', 'remount,ro', dir]);
    await expect(part.write(Buffer.from('1'), 0)).rejects.toThrow(refusal('denied'));
    await expect(makeSink(dir).open(offerFile('d/x', 1))).rejects.toThrow(refusal('denied'));
    await expect(makeSink(dir).place(offerDirectory('d'))).rejects.toThrow(refusal('denied'));
    await part.discard();
  });
});

describe('a commit that fails', () => {
  const FAULTS = ['chmod', 'utimes', 'sync'] as const;

  it.each(FAULTS.flatMap((fault) => POLICIES.map((policy) => [fault, policy] as const)))(
    'at %s leaves nothing new (%s)',
    async (fault, policy) => {
      const dir = await tempDir();
      const part = expectPart(await makeSink(dir, policy).open(offerFile('x', 4)));
      await part.write(Buffer.from('data'), 0);
      const sync = vi.spyOn(DiskFile.prototype, 'sync');
      injectOnce(fault, systemError('EIO'));
      await expect(part.commit(4)).rejects.toThrow(refusal('io'));
      expect(await readNames(dir)).toEqual([]);
      // A second fsync may say yes to what the first has lost.
      expect(sync).toHaveBeenCalledTimes(fault === 'sync' ? 1 : 0);
    },
  );

  it.each(['EINVAL', 'ERANGE', 'EOVERFLOW', 'EPERM', 'ENOTSUP', 'ENOSYS'])(
    'at a time that the disk does not hold (%s) costs the time alone',
    async (errno) => {
      const dir = await tempDir();
      const sink = makeSink(dir);
      injectOnce('utimes', systemError(errno));
      expect(await receiveFile(sink, 'x', Buffer.from('data'))).toBe('x');
      injectOnce('utimes', systemError(errno));
      expect(await sink.place(offerDirectory('d'))).toEqual({ as: 'd' });
    },
  );

  it.each(['rename', 'skip', 'fail'] as const)('at the fsync of the folder leaves nothing (%s)', async (policy) => {
    const dir = await tempDir();
    const part = expectPart(await makeSink(dir, policy).open(offerFile('x', 0)));
    if (process.platform !== 'linux') vi.spyOn(DiskFile.prototype, 'sync').mockResolvedValueOnce(undefined);
    await failNextFolderSync(systemError('EIO'));
    await expect(part.commit(0)).rejects.toThrow(refusal('io'));
    expect(await readNames(dir)).toEqual([]);
    await failNextFolderSync(systemError('EIO'));
    await fs.mkdir(join(dir, 'd'));
    await expect(makeSink(dir, policy).place(offerLink('d/l', 'x'))).rejects.toThrow(refusal('io'));
    expect(await readNames(dir)).toEqual(['d']);
  });

  it.each([
    ['prompt', true],
    ['slow', false],
  ])('at removing the part file leaves no final name (a %s disk)', async (_, isFast) => {
    const dir = await tempDir();
    vi.spyOn(inboxDisk, 'isFast').mockReturnValue(isFast);
    const part = expectPart(await makeSink(dir).open(offerFile('x', 0)));
    if (isFast)
      vi.mocked(unlinkSync).mockImplementationOnce(() => {
        throw systemError('EIO');
      });
    else vi.mocked(fs.unlink).mockRejectedValueOnce(systemError('EIO'));
    await expect(part.commit(0)).rejects.toThrow(refusal('io'));
    expect(await readNames(dir)).toEqual([]);
  });

  it('leaves the old file when it was to be overwritten', async () => {
    const dir = await tempDir();
    await fs.writeFile(join(dir, 'x'), 'old');
    const part = expectPart(await makeSink(dir, 'overwrite').open(offerFile('x', 3)));
    await part.write(Buffer.from('new'), 0);
    vi.mocked(fs.rename).mockRejectedValueOnce(systemError('EIO'));
    await expect(part.commit(3)).rejects.toThrow(refusal('io'));
    expect(await readNames(dir)).toEqual(['x']);
    expect(await fs.readFile(join(dir, 'x'), 'utf8')).toBe('old');
  });

  it('because the folder is gone', async () => {
    const dir = await tempDir();
    const part = expectPart(await makeSink(dir).open(offerFile('d/x', 1)));
    await fs.rm(join(dir, 'd'), { recursive: true });
    await expect(part.write(Buffer.from('1'), 0)).rejects.toThrow('d/x: the folder it was to be in is gone.');
    await part.discard();
    expect(await readNames(dir)).toEqual([]);
  });
});

describe('a folder that cannot be made durable', () => {
  it('is taken back, and made by whoever asks next', async () => {
    const dir = await tempDir();
    const sink = makeSink(dir);
    await failNextFolderSync(systemError('EIO'));
    await expect(sink.open(offerFile('d/x', 1))).rejects.toThrow(refusal('io'));
    expect(await readNames(dir)).toEqual([]);
    expect(await receiveFile(sink, 'd/x', Buffer.from('1'))).toBe('d/x');
  });

  it('is taken as it is where the system cannot do it at all', async () => {
    const dir = await tempDir();
    await failNextFolderSync(systemError('EINVAL'));
    expect(await receiveFile(makeSink(dir), 'd/x', Buffer.from('1'))).toBe('d/x');
  });
});

describe('what has to be synchronised', () => {
  it('is the file, its folder, and the parent of each new folder', async () => {
    const dir = await tempDir();
    const synced: string[] = [];
    const note = async (fd: number): Promise<void> => {
      const path = await fs.readlink(`/proc/self/fd/${fd}`);
      synced.push(path.replace(dir, 'root').replace(/\.ftx-.*/, 'part'));
    };
    const { fsync: realSync } = await vi.importActual<typeof import('node:fs')>('node:fs');
    vi.mocked(fsync).mockImplementation((fd, done) => void note(fd).then(() => realSync(fd, done)));
    await receiveFile(makeSink(dir), 'a/b/x', Buffer.from('1'));
    expect(synced).toEqual(['root', 'root/a', 'root/a/b/part', 'root/a/b']);
  });

  it('is nothing when the sink is not to wait, which then does not call itself durable', async () => {
    const dir = await tempDir();
    const sync = vi.spyOn(DiskFile.prototype, 'sync');
    vi.mocked(fsync).mockClear();
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, sync: false });
    await receiveFile(sink, 'a/x', Buffer.from('1'));
    await sink.place(offerLink('a/l', 'x'));
    await sink.place(offerLink('a/l', 'x'));
    await sink.place(offerDirectory('a'));
    expect(await readNames(dir)).toEqual(['a', 'a/l', 'a/x']);
    expect([sync.mock.calls, vi.mocked(fsync).mock.calls]).toEqual([[], []]);
    expect([sink.isDurable, makeSink(dir).isDurable]).toEqual([false, true]);
  });
});

describe('a write that the system takes in pieces', () => {
  it('is completed', async () => {
    const dir = await tempDir();
    const real = Reflect.get(DiskFile.prototype, 'write') as (...args: unknown[]) => Promise<{ bytesWritten: number }>;
    const write = vi.spyOn(DiskFile.prototype, 'write');
    write.mockImplementation(function (this: DiskFile, bytes, start, length, offset) {
      return real.call(this, bytes, start, Math.min(length, 3), offset);
    });
    await receiveFile(makeSink(dir), 'x', Buffer.from('ten bytes!'));
    expect(await fs.readFile(join(dir, 'x'), 'utf8')).toBe('ten bytes!');
    expect(write).toHaveBeenCalledTimes(4);
  });
});

describe('a file system without permissions', () => {
  it.each(['EPERM', 'ENOTSUP'])('(%s) takes files and folders as well', async (errno) => {
    const dir = await tempDir();
    vi.mocked(fchmodSync).mockImplementation(() => {
      throw systemError(errno);
    });
    const sink = makeSink(dir);
    expect(await receiveFile(sink, 'd/x', Buffer.from('1'))).toBe('d/x');
    expect(await sink.place(offerDirectory('d'))).toEqual({ as: 'd' });
  });
});

describe('a file system without hard links', () => {
  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'])('(%s) loses none of 50 files of one name', async (errno) => {
    const dir = await tempDir();
    vi.mocked(fs.link).mockImplementation(() => Promise.reject(systemError(errno)));
    vi.mocked(linkSync).mockImplementation(() => {
      throw systemError(errno);
    });
    const numbers = Array.from({ length: 50 }, (_, number) => number);
    const names = await Promise.all(numbers.map((n) => receiveFile(makeSink(dir), 'x', Buffer.from(`file ${n}`))));
    expect(new Set(names).size).toBe(50);
    for (const n of numbers) expect(await fs.readFile(join(dir, names[n]!), 'utf8')).toBe(`file ${n}`);
    expect(await readNames(dir)).toEqual([...names].sort());
    await expect(makeSink(dir, 'fail').open(offerFile('x', 1))).rejects.toThrow(refusal('exists'));
  });
});
