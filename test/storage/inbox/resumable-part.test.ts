import {
  lstat,
  chmod,
  appendFile,
  link,
  open as openHandle,
  readFile,
  readdir,
  readlink,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { BLOCK_BYTES, type Entry } from '../../../src/core/entry.js';
import { FtxError } from '../../../src/core/errors.js';
import type { PartFile } from '../../../src/core/sink.js';
import { readJournal } from '../../../src/storage/disk/block-journal.js';
import { DiskFile } from '../../../src/storage/disk/disk-file.js';
import { makeOwnerMark } from '../../../src/storage/disk/owner.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { expectPart, offerFile, PROOF } from '../../contract/sink.contract.js';
import { makeContent, tempDir } from '../../support/folders.js';
import { findLivingPid, giveTo, moveElsewhere } from '../../support/owners.js';

const SIZE = 9 * BLOCK_BYTES + 5;
const content = makeContent(SIZE, 3);
const blockAt = (number: number) => content.subarray(number * BLOCK_BYTES, (number + 1) * BLOCK_BYTES);

async function open(dir: string, more: Partial<Entry> = {}, peer = 'peer', sync = true): Promise<PartFile> {
  const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer, sync });
  return expectPart(await sink.open(offerFile('x', SIZE, more)));
}

/** Writes these blocks; the digest of a block is its number and 100. */
async function write(part: PartFile, numbers: number[]): Promise<void> {
  for (const number of numbers) {
    await part.write(blockAt(number), number * BLOCK_BYTES);
    part.confirm(number * BLOCK_BYTES, BigInt(number + 100));
  }
}

const truncateBy = async (path: string, bytes: number) => truncate(path, (await lstat(path)).size - bytes);

/** Records the first block once more. */
async function repeatRecord(part: string): Promise<void> {
  const journal = part.replace(/part$/, 'journal');
  const records = await readFile(journal);
  const first = records.indexOf('\n') + 1;
  await appendFile(journal, records.subarray(first, first + 24));
}

async function leave(dir: string, numbers: number[], more: Partial<Entry> = {}): Promise<void> {
  const part = await open(dir, more);
  await write(part, numbers);
  await part.suspend();
}

const kept = async (dir: string) => (await readdir(dir)).map((name) => name.replace(/[0-9a-f]{16}/, '#')).sort();

describe('a part file', () => {
  it('is gone on with where its durable blocks end, and committed whole', async () => {
    const dir = await tempDir();
    await leave(dir, [0, 1, 2]);
    expect(await kept(dir)).toEqual(['.ftx-#.journal', '.ftx-#.part']);
    const part = await open(dir);
    expect(part.durable).toEqual([100n, 101n, 102n]);
    await write(part, [3, 4, 5, 6, 7, 8, 9]);
    expect(await part.commit(SIZE)).toEqual({ as: 'x' });
    expect((await readFile(join(dir, 'x'))).equals(content)).toBe(true);
    expect(await readdir(dir)).toEqual(['x']);
  });

  it.each<[string, (part: string) => Promise<void>, boolean]>([
    ['nobody has touched it', () => Promise.resolve(), false],
    ['its time was changed', (part) => utimes(part, 1, 1), true],
    ['only its permissions were changed', (part) => chmod(part, 0o640), true],
    ['its journal does not tell', (part) => truncateBy(part.replace(/part$/, 'journal'), 24), true],
    ['a session of it was killed after it had recorded a block', (part) => repeatRecord(part), true],
  ])('has to be read again or not: %s', async (_, touch, isDoubtful) => {
    const dir = await tempDir();
    await leave(dir, [0, 1, 2]);
    await touch(
      join(
        dir,
        (await readdir(dir)).find((name) => name.endsWith('.part'))!,
      ),
    );
    const part = await open(dir);
    expect(part.durable).toEqual([100n, 101n, 102n]);
    expect(part.readAgain !== undefined).toBe(isDoubtful);
    // As long as not all of it has been read again, the next session has to do it.
    part.confirm(0, 100n);
    await part.suspend();
    const next = await open(dir);
    expect(next.readAgain !== undefined).toBe(isDoubtful);
    for (const block of [0, 1, 2]) next.confirm(block * BLOCK_BYTES, BigInt(100 + block));
    await next.suspend();
    const last = await open(dir);
    expect('readAgain' in last).toBe(false);
    await last.discard();
  });

  it('is removed when a crash came after the file had got its name', async () => {
    const dir = await tempDir();
    const mtimeNs = 1_700_000_000_000_000_000n;
    await leave(dir, [0, 1], { mtimeNs });
    await leave(dir, [0, 1], { mtimeNs, path: 'y' });
    await writeFile(join(dir, 'x'), content);
    await utimes(join(dir, 'x'), 1_700_000_000, 1_700_000_000);
    const sink = createFileSink({ dir, isKnown: true, onConflict: 'rename', maxSize: Infinity, peer: 'peer' });
    expect(await sink.open(offerFile('x', SIZE, { mtimeNs }), PROOF)).toMatchObject({ state: 'present' });
    expect(await kept(dir)).toEqual(['.ftx-#.journal', '.ftx-#.part', 'x']);
  });

  it('counts blocks only up to the first gap', async () => {
    const dir = await tempDir();
    await leave(dir, [0, 1, 3]);
    const part = await open(dir);
    expect(part.durable).toEqual([100n, 101n]);
    await part.discard();
    expect(await readdir(dir)).toEqual([]);
  });

  it('counts no block that was written and not confirmed', async () => {
    const dir = await tempDir();
    const part = await open(dir);
    await write(part, [0]);
    await part.write(blockAt(1), BLOCK_BYTES);
    await part.suspend();
    const again = await open(dir);
    expect(again.durable).toEqual([100n]);
    await again.discard();
  });

  it('of which nothing is durable is not kept', async () => {
    const dir = await tempDir();
    await leave(dir, []);
    await leave(dir, [2]);
    expect(await readdir(dir)).toEqual([]);
  });

  it('loses a block for good that was begun to be written over', async () => {
    const dir = await tempDir();
    await leave(dir, [0, 1, 2]);
    const part = await open(dir);
    await part.write(Buffer.from('half of anoth'), BLOCK_BYTES);
    await part.suspend();
    const again = await open(dir);
    expect(again.durable).toEqual([100n]);
    await again.discard();
  });

  it.each<[string, Partial<Entry>, string]>([
    ['name', { path: 'y' }, 'peer'],
    ['size', { size: SIZE + 1 }, 'peer'],
    ['time', { mtimeNs: 7n }, 'peer'],
    ['peer', {}, 'another peer'],
  ])('is not gone on with for another %s', async (_, more, peer) => {
    const dir = await tempDir();
    await leave(dir, [0]);
    const part = await open(dir, more, peer);
    expect(part.durable).toEqual([]);
    await part.discard();
    expect(await kept(dir)).toEqual(['.ftx-#.journal', '.ftx-#.part']);
  });

  it('is never shared by two sessions at once, and no second one is begun', async () => {
    const dir = await tempDir();
    const first = await open(dir);
    await write(first, [0]);
    vi.useFakeTimers();
    const opening = open(dir);
    const refused = expect(opening).rejects.toMatchObject({ code: 'busy' });
    await vi.advanceTimersByTimeAsync(60_000);
    vi.useRealTimers();
    await refused;
    expect((await readdir(dir)).filter((name) => name.endsWith('.part'))).toHaveLength(1);
    await first.discard();
    expect(await readdir(dir)).toEqual([]);
  });

  it('is waited for while a process elsewhere renews its lock, and gone on with when it no longer does', async () => {
    const dir = await tempDir();
    await leave(dir, [0, 1]);
    const lock = (await readdir(dir)).find((name) => name.endsWith('.part'))!.replace(/part$/, 'lock');
    const mark = moveElsewhere(makeOwnerMark());
    await writeFile(join(dir, lock), `${mark} 1`);
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    let seconds = 0;
    let isOpen = false;
    const opening = open(dir).finally(() => (isOpen = true));
    while (!(isOpen as boolean)) {
      await new Promise(setImmediate);
      // A look at the lock takes steps on the disk, and the next one is due only after them.
      if (vi.getTimerCount() === 0) continue;
      if ((seconds += 1) === 20) await writeFile(join(dir, lock), `${mark} 2`);
      vi.advanceTimersByTime(1_000);
    }
    vi.useRealTimers();
    expect([50, 51]).toContain(seconds);
    const part = await opening;
    expect(part.durable).toEqual([100n, 101n]);
    await part.discard();
  });

  it('is waited for at most 55 seconds while another process has it', async () => {
    const dir = await tempDir();
    await leave(dir, [0, 1]);
    const lock = (await readdir(dir)).find((name) => name.endsWith('.part'))!.replace(/part$/, 'lock');
    await writeFile(join(dir, lock), `${giveTo(findLivingPid(), makeOwnerMark())} 1`);
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    let seconds = 0;
    let outcome: unknown;
    // Without syncs, whose groups have a timer of their own.
    const opening = open(dir, {}, 'peer', false).then(
      () => (outcome = 'opened'),
      (error: unknown) => (outcome = error),
    );
    while (outcome === undefined) {
      await new Promise(setImmediate);
      // A look at the lock takes steps on the disk, and the next one is due only after them.
      if (vi.getTimerCount() === 0) continue;
      expect((seconds += 1)).toBeLessThanOrEqual(55);
      vi.advanceTimersByTime(1_000);
    }
    expect([seconds, await opening]).toMatchObject([55, { code: 'busy' }]);
    await unlink(join(dir, lock));
    const part = await open(dir);
    expect(part.durable).toEqual([100n, 101n]);
    await part.discard();
  });

  it('is no longer waited for when the session is over', async () => {
    const dir = await tempDir();
    const first = await open(dir);
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'peer' });
    const session = new AbortController();
    const opening = sink.open(offerFile('x', SIZE), undefined, session.signal);
    session.abort(new FtxError('lost', 'The sender is gone.'));
    await expect(opening).rejects.toMatchObject({ code: 'lost' });
    await first.discard();
  });

  describe('that another process has taken over, while this one was suspended,', () => {
    const other = `${moveElsewhere(makeOwnerMark())} 1`;

    async function loseLock(dir: string): Promise<string[]> {
      const lock = (await readdir(dir)).find((name) => name.endsWith('.lock'))!;
      await unlink(join(dir, lock));
      await writeFile(join(dir, lock), other);
      return (await readdir(dir)).sort();
    }

    it('is not committed', async () => {
      const dir = await tempDir();
      const part = await open(dir);
      await write(part, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      const names = await loseLock(dir);
      await expect(part.commit(SIZE)).rejects.toMatchObject({ code: 'busy' });
      expect((await readdir(dir)).sort()).toEqual(names);
    });

    it.each(['discard', 'suspend'] as const)('stays as it is after a %s', async (end) => {
      const dir = await tempDir();
      const part = await open(dir);
      await write(part, [0, 1]);
      const names = await loseLock(dir);
      await part[end]();
      expect((await readdir(dir)).sort()).toEqual(names);
      const journal = names.find((name) => name.endsWith('.journal'))!;
      expect(await readJournal(join(dir, journal))).toMatchObject({ blocks: 0 });
    });
  });

  it('is handed over by a session that is just ending', async () => {
    const dir = await tempDir();
    const first = await open(dir);
    await write(first, [0, 1]);
    const [second] = await Promise.all([open(dir), first.suspend()]);
    expect(second.durable).toEqual([100n, 101n]);
    await second.discard();
  });
});

describe('what was left is not trusted', () => {
  async function findPart(dir: string): Promise<string> {
    const name = (await readdir(dir)).find((candidate) => candidate.endsWith('.part'));
    return join(dir, name!);
  }

  it.each<[string, (path: string) => Promise<void>]>([
    ['without its journal', (path) => unlink(path.replace(/part$/, 'journal'))],
    ['when the journal is damaged', (path) => writeFile(path.replace(/part$/, 'journal'), 'x')],
    ['when it is gone', unlink],
    [
      'when it is a link',
      async (path) => {
        await unlink(path);
        await symlink('/etc/hostname', path);
      },
    ],
    ['when it has a second name', (path) => link(path, `${path}-too`)],
    ['as far as it is cut off', (path) => truncate(path, 1000)],
  ])('%s', async (_, damage) => {
    const dir = await tempDir();
    await leave(dir, [0, 1]);
    await damage(await findPart(dir));
    const part = await open(dir);
    expect(part.durable).toEqual([]);
    await write(part, [0]);
    await part.discard();
    expect((await readdir(dir)).filter((name) => !name.endsWith('-too'))).toEqual([]);
  });

  it('beyond the bytes that are there', async () => {
    const dir = await tempDir();
    await leave(dir, [0, 1, 2]);
    await truncate(await findPart(dir), 2 * BLOCK_BYTES + 1);
    const part = await open(dir);
    expect(part.durable).toEqual([100n, 101n]);
    await part.discard();
  });
});

it('small files and streams are not kept', async () => {
  const dir = await tempDir();
  for (const size of [BLOCK_BYTES, null]) {
    const part = await open(dir, { size });
    await part.write(blockAt(0), 0);
    part.confirm(0, 1n);
    await part.suspend();
  }
  expect(await readdir(dir)).toEqual([]);
});

it('a journal whose part is gone vouches for nothing of the next one', async () => {
  const dir = await tempDir();
  await leave(dir, [0, 1, 2]);
  await unlink(
    join(
      dir,
      (await readdir(dir)).find((name) => name.endsWith('.part'))!,
    ),
  );
  const part = await open(dir);
  await write(part, [2]);
  await part.suspend();
  const again = await open(dir);
  expect(again.durable).toEqual([]);
  await again.discard();
});

it('a file is not stored when an fsync that was under way fails', async () => {
  const dir = await tempDir();
  let fail: (reason: Error) => void = () => undefined;
  const sync = vi
    .spyOn(DiskFile.prototype, 'datasync')
    .mockImplementationOnce(() => new Promise((_, reject) => (fail = reject)));
  const part = await open(dir, { size: 33 * BLOCK_BYTES });
  for (let number = 0; number < 33; number++) {
    await part.write(blockAt(0), number * BLOCK_BYTES);
    part.confirm(number * BLOCK_BYTES, 1n);
  }
  await expect.poll(() => sync.mock.calls.length).toBe(1);
  const commit = part.commit(33 * BLOCK_BYTES);
  fail(Object.assign(new Error('EIO: injected'), { code: 'EIO' }));
  await expect(commit).rejects.toMatchObject({ code: 'io' });
  expect(await readdir(dir)).toEqual([]);
  vi.restoreAllMocks();
});

it('a part file that another receiver has taken is not published under the name', async () => {
  const dir = await tempDir();
  const part = await open(dir);
  for (let number = 0; number < 10; number++) await write(part, [number]);
  const path = join(
    dir,
    (await readdir(dir)).find((name) => name.endsWith('.part'))!,
  );
  await unlink(path);
  await writeFile(path, 'of somebody else');
  await expect(part.commit(SIZE)).rejects.toMatchObject({ code: 'io' });
  expect((await readdir(dir)).filter((name) => !name.startsWith('.'))).toEqual([]);
});

describe('a journal that the disk does not take', () => {
  /** Descriptors of journals, open or removed. */
  const openJournals = async () => {
    const fds = await readdir('/proc/self/fd').catch(() => []);
    const targets = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    return targets.filter((target) => target.includes('.journal'));
  };

  async function failHandles(method: 'truncate' | 'readFile' | 'write' | 'stat', errno: number): Promise<void> {
    const probe = await openHandle('/dev/null');
    await probe.close();
    const code = getSystemErrorName(-errno);
    const error = Object.assign(new Error(`${code}, ${method}`), { code, errno: -errno });
    vi.spyOn(Object.getPrototypeOf(probe) as FileHandle, method).mockRejectedValueOnce(error);
    onTestFinished(() => void vi.restoreAllMocks());
  }

  it.each([
    ['cannot be shortened', 'truncate', 1],
    ['cannot be shortened, by an error without a name', 'truncate', 122],
    ['cannot be read', 'readFile', 5],
    ['cannot be looked at', 'stat', 116],
    ['cannot be written', 'write', 28],
  ] as const)('and %s costs the head start, not the file, and no descriptor', async (_, method, errno) => {
    const dir = await tempDir();
    // Another binding: the journal has to be shortened, and written anew.
    await leave(dir, [0, 1]);
    const [journal = ''] = (await readdir(dir)).filter((name) => name.endsWith('.journal'));
    await writeFile(join(dir, journal), 'of something else\n');
    const before = await openJournals();
    await failHandles(method, errno);
    const part = await open(dir);
    expect(part.durable).toEqual([]);
    expect(await kept(dir)).toEqual([]);
    expect(await openJournals()).toEqual(before);
    await write(part, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await part.commit(SIZE)).toEqual({ as: 'x' });
    expect(await readdir(dir)).toEqual(['x']);
  });

  it('for want of descriptors is kept, because the sender comes back', async () => {
    const dir = await tempDir();
    await leave(dir, [0, 1]);
    await failHandles('readFile', constants.errno.EMFILE);
    await expect(open(dir)).rejects.toMatchObject({ code: 'busy' });
    expect((await open(dir)).durable).toEqual([100n, 101n]);
  });

  it('on a file system that never shortens a file still gives a head start', async () => {
    const dir = await tempDir();
    const probe = await openHandle('/dev/null');
    await probe.close();
    const refusal = Object.assign(new Error('EPERM'), { code: 'EPERM' });
    vi.spyOn(Object.getPrototypeOf(probe) as FileHandle, 'truncate').mockRejectedValue(refusal);
    onTestFinished(() => void vi.restoreAllMocks());
    await leave(dir, [0, 1, 2]);
    expect((await open(dir)).durable).toEqual([100n, 101n, 102n]);
  });
});
