import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BLOCK_BYTES, type Entry } from '../../../src/core/entry.js';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import { createQuota } from '../../../src/storage/inbox/quota.js';
import { createFold } from '../../../src/storage/names/same-names.js';
import { createSpace } from '../../../src/storage/inbox/space.js';
import { createFakeSpace, KEPT } from '../../support/fake-disk.js';
import {
  expectPart,
  offerDirectory,
  offerFile,
  offerLink,
  receiveFile,
  refusal,
} from '../../contract/sink.contract.js';
import { readNames, tempDir } from '../../support/folders.js';
import { skipTest } from '../../support/skips.js';

const MIB = BLOCK_BYTES;
/** The last time that an offer may have. */
const LAST_OFFERED = '2262-04-11';

function makeSink(dir: string, options: Partial<FileSinkOptions> = {}) {
  return createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'p', ...options });
}

async function leavePart(dir: string, blocks: number): Promise<void> {
  const part = expectPart(await makeSink(dir).open(offerFile('d/large', 9 * MIB)));
  for (let number = 0; number < blocks; number++) {
    await part.write(new Uint8Array(MIB), number * MIB);
    part.confirm(number * MIB, BigInt(number));
  }
  await part.suspend();
}

describe('a plan', () => {
  it('reads the journal of a part once, however often the list names the file', async () => {
    const dir = await tempDir();
    await leavePart(dir, 3);
    const plan = makeSink(dir).plan(true);
    const offer = offerFile('d/large', 9 * MIB);
    const first = await plan.add(offer);
    await rm(join(dir, 'd'), { recursive: true });
    await mkdir(join(dir, 'd'));
    expect(await plan.add(offer)).toEqual(first);
    expect(first.offset).toBe(3 * MIB);
    expect((await makeSink(dir).plan(true).add(offer)).offset).toBe(0);
  });

  it('knows what an earlier session of the same sender has left, and that nothing of it need come', async () => {
    const dir = await tempDir();
    await leavePart(dir, 3);
    const plan = makeSink(dir).plan(false);
    expect(await plan.add(offerFile('d/large', 9 * MIB))).toEqual({ fate: 'new', offset: 3 * MIB });
    expect(await plan.total()).toMatchObject({ needed: 6 * MIB });
    for (const other of [
      offerFile('d/large', 10 * MIB),
      offerFile('d/large', 9 * MIB, { mtimeNs: 1n }),
      offerFile('d/other', 9 * MIB),
    ])
      expect(await plan.add(other)).toEqual({ fate: 'new', offset: 0 });
    expect(
      await makeSink(dir, { peer: 'another' })
        .plan(false)
        .add(offerFile('d/large', 9 * MIB)),
    ).toMatchObject({ offset: 0 });
    await writeFile(join(dir, 'd', 'large'), 'taken');
    expect(
      await makeSink(dir)
        .plan(true)
        .add(offerFile('d/large', 9 * MIB)),
    ).toEqual({ fate: 'rename', as: 'd/large (1)', offset: 3 * MIB });
  });

  it.each([
    // What has become of the time on ext4 and XFS, HFS+, NFS, FAT, and a disk that holds any time.
    ['1901-12-13T20:45:52', '1700-01-01', '1910-01-01'],
    ['1904-01-01T00:00:00', '1903-12-31', '1910-01-01'],
    ['1970-01-01T00:00:00', '1969-12-31', '1970-01-03'],
    ['1980-01-01T00:00:00', '1677-12-31', '1980-01-03'],
    ['1979-12-31T22:00:00', '1975-01-01', '1980-01-03'],
    ['2038-01-19T03:14:07', '2038-01-20', '2038-01-10'],
    ['2040-02-06T06:28:15', '2262-01-01', '2040-01-01'],
    ['2106-02-07T06:28:15', '2200-01-01', '2106-01-01'],
    ['2107-12-31T23:59:58', '2108-01-01', '2107-01-01'],
    ['2300-01-01T00:00:00', LAST_OFFERED, '2261-01-01'],
  ])('takes the time %s of a file for that of an offer from %s, and not from %s', async (there, beyond, within) => {
    const dir = await tempDir();
    const path = join(dir, 'a');
    await writeFile(path, '1');
    const seconds = Date.parse(`${there}Z`) / 1000;
    await utimes(path, String(seconds), String(seconds));
    const mtimeNs = (day: string) => (day === LAST_OFFERED ? 2n ** 63n - 1n : BigInt(Date.parse(day)) * 1_000_000n);
    const judge = (day: string, isKnown = true) =>
      makeSink(dir, { isKnown })
        .plan(true)
        .add(offerFile('a', 1, { mtimeNs: mtimeNs(day) }));
    expect(await judge(beyond)).toMatchObject({ fate: 'already' });
    expect(await judge(within)).toMatchObject({ fate: 'rename', as: 'a (1)' });
    expect(await judge(beyond, false)).toMatchObject({ fate: 'rename' });
  });

  it('is not led astray by a part without a journal, or a link or a pipe at its name', async () => {
    const dir = await tempDir();
    await leavePart(dir, 1);
    const [, journal = '', part = ''] = (await readNames(dir)).map((name) => join(dir, name));
    execFileSync('rm', [journal]);
    expect(
      await makeSink(dir)
        .plan(false)
        .add(offerFile('d/large', 9 * MIB)),
    ).toMatchObject({ offset: 0 });
    execFileSync('mkfifo', [journal]);
    expect(
      await makeSink(dir)
        .plan(false)
        .add(offerFile('d/large', 9 * MIB)),
    ).toMatchObject({ offset: 0 });
    execFileSync('rm', [part]);
    await symlink('/etc/passwd', part);
    expect(
      await makeSink(dir)
        .plan(false)
        .add(offerFile('d/large', 9 * MIB)),
    ).toMatchObject({ offset: 0 });
  });

  it('refuses what is too long for the system, as an offer is', async () => {
    const dir = await tempDir();
    const path = `${'d/'.repeat(2047)}x`;
    await expect(makeSink(dir).plan(false).add(offerFile(path, 1))).rejects.toThrow(refusal('bad-name'));
    await expect(makeSink(dir).open(offerFile(path, 1))).rejects.toThrow(refusal('bad-name'));
  });

  it('says denied of a folder that cannot be written to, and of what would be made in it', async (context) => {
    const dir = await tempDir();
    const closed = join(dir, 'closed');
    await mkdir(closed);
    closeFolder(closed, () => skipTest(context, 'a file system cannot be mounted here'));
    await chmod(closed, 0o555).catch(() => undefined);
    const plan = makeSink(dir).plan(false);
    for (const offer of [
      offerFile('closed/x', 1),
      offerFile('closed/d/e/x', 1),
      offerDirectory('closed/d'),
      offerLink('closed/l', 'x'),
    ])
      await expect(plan.add(offer)).rejects.toThrow(refusal('denied'));
    expect(await plan.add(offerDirectory('closed'))).toMatchObject({ fate: 'already' });
    expect(await plan.add(offerFile('open/x', 1))).toMatchObject({ fate: 'new' });
  });

  it('refuses other spellings of a name only where the folder takes them for the same', async () => {
    const dir = await tempDir();
    const exact = makeSink(dir).plan(false);
    for (const name of ['a', 'A', 'caf\u00e9', 'cafe\u0301'])
      expect(await exact.add(offerFile(name, 1))).toMatchObject({ fate: 'new' });
    const folding = makeSink(dir, { fold: createFold(true, true) }).plan(false);
    expect(await folding.add(offerFile('a', 1))).toMatchObject({ fate: 'new' });
    expect(await folding.add(offerFile('a', 1))).toMatchObject({ fate: 'new' });
    await expect(folding.add(offerFile('A', 1))).rejects.toThrow(
      'A: to the receiver\'s folder "A" is the same name as another one that is sent with it, written in another case or Unicode form. Rename one of them.',
    );
    folding.close();
  });
});

/** As the user may; root may everything but write to what is mounted read-only. */
function closeFolder(folder: string, orElse: () => never): void {
  if (process.getuid?.() !== 0) return;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    orElse();
  }
  onTestFinished(() => void execFileSync('umount', [folder]));
}

describe('room for all', () => {
  it('is what the disk has, less what stays free and what others still need of what they have begun to bring', async () => {
    const dir = await tempDir();
    let free = KEPT + 10 * MIB;
    const space = createFakeSpace(() => ({ freeBytes: free }));
    const other = expectPart(await makeSink(dir, { space }).open(offerFile('other', 5 * MIB)));
    await other.write(new Uint8Array(MIB), 0);
    free -= MIB;
    const plan = makeSink(dir, { space }).plan(false);
    for (const name of ['a', 'b']) await plan.add(offerFile(name, 2 * MIB));
    await plan.add(offerFile('c', MIB));
    expect(await plan.total()).toEqual({ needed: 5 * MIB, free: 5 * MIB });
    await plan.add(offerFile('d', 1));
    await expect(plan.total()).rejects.toThrow(
      "What is sent needs 5 MiB, and the receiver's disk has 5 MiB left for it, beside the 64 MiB that stay free. Nothing was sent.",
    );
    await other.discard();
    expect(await plan.total()).toMatchObject({ free: 9 * MIB + 1 - 4096 });
  });

  it('is needed for each entry as the disk counts it, with folders and links', async () => {
    const dir = await tempDir();
    const space = createFakeSpace(() => ({ freeBytes: KEPT + 3 * 65_536, blockBytes: 65_536 }));
    const sink = makeSink(dir, { space });
    await expectPart(await sink.open(offerFile('first', 0))).discard();
    const plan = sink.plan(false);
    for (const offer of [offerFile('a', 1), offerDirectory('d'), offerLink('d/l', 'a')]) await plan.add(offer);
    expect(await plan.total()).toEqual({ needed: 1, free: 1 });
    await plan.add(offerFile('e', 0));
    await expect(plan.total()).rejects.toThrow('What is sent needs 256 KiB');
  });

  it('is needed in inodes too', async () => {
    const dir = await tempDir();
    const space = createFakeSpace(() => ({ freeFiles: 12, keptFiles: 10 }));
    const plan = makeSink(dir, { space }).plan(false);
    for (const offer of [offerFile('a', 1), offerDirectory('d')]) await plan.add(offer);
    expect(await plan.total()).toMatchObject({ needed: 1 });
    await plan.add(offerLink('d/l', 'a'));
    await expect(plan.total()).rejects.toThrow(
      "What is sent is 3 files, folders and links, and the receiver's disk can take only 2 more. Nothing was sent. Remove some there, or send one archive of them.",
    );
  });

  it('is that of the quota, in which the least is a block', async () => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 3 * 4096);
    await receiveFile(makeSink(dir, { quota }), 'there', Buffer.alloc(600));
    const plan = makeSink(dir, { quota }).plan(false);
    await plan.add(offerFile('a', 4097));
    expect(await plan.total()).toEqual({ needed: 4097, free: 4097 });
    await plan.add(offerDirectory('b'));
    await expect(plan.total()).rejects.toThrow(
      "What is sent: 12 KiB is more than the 8 KiB left of the 12 KiB that the receiver's folder may hold.",
    );
  });

  it.each<[string, isKnown: boolean, offer: Partial<Entry>, needed: number]>([
    ['a sparse file of a known sender needs what is allocated', true, { allocated: 4096 }, 4096],
    ['a file of nothing but a hole needs no content', true, { allocated: 0 }, 0],
    ['a sparse file of a stranger needs its size', false, { allocated: 4096 }, 9 * MIB],
    ['a file of which nothing is told needs its size', true, {}, 9 * MIB],
  ])('%s', async (_, isKnown, offer, needed) => {
    const plans = async (free: number) => {
      const dir = await tempDir();
      const quota = await createQuota(dir, free);
      const space = createFakeSpace(() => ({ freeBytes: KEPT + free }));
      return [true, false].flatMap((isDryRun) =>
        [{ quota }, { space }].map((limit) => makeSink(dir, { ...limit, isKnown }).plan(isDryRun)),
      );
    };
    const cost = Math.max(4096, needed);
    for (const plan of await plans(cost)) {
      expect(await plan.add(offerFile('x', 9 * MIB, offer))).toEqual({ fate: 'new', offset: 0 });
      expect(await plan.total()).toEqual({ needed, free: needed });
    }
    for (const plan of await plans(cost - 1)) {
      await plan.add(offerFile('x', 9 * MIB, offer));
      await expect(plan.total()).rejects.toThrow(refusal('no-space'));
    }
  });

  it.each([
    [8 * MIB, 6 * MIB],
    [5 * MIB, 5 * MIB],
  ])(
    'is needed for a part of which %i bytes are allocated and 6 MiB are missing: %i bytes',
    async (allocated, needed) => {
      const dir = await tempDir();
      await leavePart(dir, 3);
      const plan = makeSink(dir, { isKnown: true }).plan(false);
      await plan.add(offerFile('d/large', 9 * MIB, { allocated }));
      expect(await plan.total()).toMatchObject({ needed });
    },
  );

  it('is that of the whole disk for a list that needs nothing', async () => {
    const dir = await tempDir();
    const space = createFakeSpace(() => ({ freeBytes: KEPT + MIB }));
    expect(await makeSink(dir, { space }).plan(false).total()).toEqual({ needed: 0, free: MIB });
  });

  it('is unknown where the system does not tell, and taken to be there', async () => {
    const dir = await tempDir();
    const space = createSpace(() => Promise.reject(new Error('not here')));
    const plan = makeSink(dir, { space }).plan(false);
    await plan.add(offerFile('a', 2 ** 50));
    expect(await plan.total()).toEqual({ needed: 2 ** 50, free: null });
  });
});

describe('the number of entries', () => {
  const ENTRIES = [offerFile('d/a', 0), offerFile('d/b', 0), offerLink('d/l', 'a'), offerDirectory('d')];

  it('is held to in a list, folders and links included', async () => {
    const plan = makeSink(await tempDir(), { maxFiles: 4 }).plan(false);
    for (const offer of ENTRIES) await plan.add(offer);
    await expect(plan.add(offerFile('e', 0))).rejects.toThrow(refusal('too-many'));
  });

  it('is held to by offers, which may come without a list', async () => {
    const sink = makeSink(await tempDir(), { maxFiles: 4 });
    for (const offer of ENTRIES)
      await (offer.kind === 'file' ? receiveFile(sink, offer.path, Buffer.alloc(0)) : sink.place(offer));
    await expect(sink.open(offerFile('e', 0))).rejects.toThrow(refusal('too-many'));
    await expect(sink.place(offerDirectory('f'))).rejects.toThrow(refusal('too-many'));
  });

  it('counts the folders that are made for a deep path', async () => {
    const dir = await tempDir();
    const sink = makeSink(dir, { maxFiles: 5 });
    await receiveFile(sink, 'a/b/c/d/e', Buffer.alloc(0));
    await expect(sink.open(offerFile('f', 0))).rejects.toThrow(refusal('too-many'));
    for (const path of ['a/b/c/d', 'a/b/c', 'a/b', 'a']) await sink.place(offerDirectory(path));
    expect(await readNames(dir)).toEqual(['a', 'a/b', 'a/b/c', 'a/b/c/d', 'a/b/c/d/e']);
  });
});
