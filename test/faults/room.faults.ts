/** Room is counted as each disk counts it: disks that tell nothing, two disks in one folder, inodes, and senders that bring what is nearly nothing. */
import { lstat, mkdir, open, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Sink } from '../../src/core/sink.js';
import { createFileSink } from '../../src/storage/inbox/file-sink.js';
import { createQuota } from '../../src/storage/inbox/quota.js';
import { createSpace } from '../../src/storage/inbox/space.js';
import { expectPart, offerDirectory, offerFile, offerLink, receiveFile } from '../contract/sink.contract.js';
import { expectFailure, expectTaken, expectWhole } from '../support/aftermath.js';
import { makeContent, readNames, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { startKnowing } from '../support/homes.js';
import { mountExt4, mountMemory, mountMemoryAt } from '../support/mounts.js';
import { runFtx } from '../support/processes.js';
import { needStrace, traceProcess } from '../support/strace.js';

const MIB = 1024 * 1024;
/** Bytes of the struct that statfs fills. */
const STATFS_BYTES = 120;

async function startOn(dir: string): Promise<Mailbox> {
  return { ...(await startReceiver(['--dir', dir, '--no-ledger'])), dir };
}

async function makeFile(size: number, name = 'file.bin'): Promise<string> {
  const file = join(await tempDir(), name);
  await writeContent(file, size);
  return file;
}

describe('a disk that fills statfs with zeros', () => {
  it('takes large files and small ones, and a dry run says that the room is unknown', async (context) => {
    await needStrace(context);
    const receiver = await startReceiver();
    const zeros = `poke_exit=@arg2=${'00'.repeat(STATFS_BYTES)}`;
    const trace = await traceProcess(receiver.program.pid, { calls: ['statfs'], fault: zeros });
    const [large, small] = [await makeFile(5 * MIB, 'large'), await makeFile(1000, 'small')];
    const dry = await send(receiver.address, large, small, '--dry-run');
    expect([dry.status, dry.stdout + dry.stderr]).toEqual([0, expect.stringContaining('does not tell how much room')]);
    expect((await send(receiver.address, large, small)).status).toBe(0);
    for (const file of [large, small]) await expectWhole(receiver.dir, file);
    expect((await trace.stop()).length).toBeGreaterThan(0);
  });
});

describe('a folder with another disk in it', () => {
  it('takes what fits on the disk where it goes, although the disk of the folder has no room for it', async (context) => {
    const dir = await mountMemory(context, 'size=100m');
    await mountMemoryAt(context, join(dir, 'big'), 'size=300m');
    const receiver = await startOn(dir);
    const file = await makeFile(150 * MIB);
    for (const args of [['--dry-run'], []])
      expect((await send(receiver.address, file, '--name', 'big/a', ...args)).status).toBe(0);
    expect(await readNames(dir)).toEqual(['big', 'big/a']);
    const refused = await send(receiver.address, file);
    expectFailure(refused, 74, /150 MiB is more than the 36 MiB .* left for it, beside the 64 MiB that stay free/);
  });

  it('refuses beforehand what does not fit there, alone or in a list, although the disk of the folder has room', async (context) => {
    const dir = await mountMemory(context, 'size=300m');
    await mountMemoryAt(context, join(dir, 'tree/big'), 'size=100m');
    const receiver = await startOn(dir);
    const tree = join(await tempDir(), 'tree');
    await mkdir(join(tree, 'big/deep'), { recursive: true });
    const file = join(tree, 'big/deep/a');
    await writeContent(file, 50 * MIB);
    await writeContent(join(tree, 'b'), 10 * MIB);
    const before = await readNames(dir);
    for (const args of [['--dry-run'], []]) {
      const whole = await send(receiver.address, tree, ...args);
      expect(whole.status, whole.stderr).toBe(74);
      expect(whole.stderr).toMatch(/What is sent needs 50 MiB, and the receiver's disk has 36 MiB left for it/);
      const one = await send(receiver.address, file, '--name', 'tree/big/deep/a', ...args);
      expectFailure(one, 74, /50 MiB.* 36 MiB/);
    }
    expect(await readNames(dir)).toEqual(before);
    await expectTaken(receiver, join(tree, 'b'), before);
  });
});

describe('a sparse image that is larger than the disk', () => {
  const IMAGE = 1024 ** 3;

  it('is stored, with its holes, also in a list', async (context) => {
    const dir = await mountMemory(context, 'size=64m');
    const { receiver, env } = await startKnowing(dir, ['--max-size', '10G']);
    const bring = (...args: string[]) => runFtx(['send', '--retry', '0', ...args, '--to', receiver.address], { env });
    const folder = await tempDir();
    const [image, small] = [join(folder, 'image'), join(folder, 'small')];
    await writeFile(image, makeContent(4096, 1));
    await truncate(image, IMAGE);
    await writeFile(small, 'small');
    const dry = await bring(image, '--dry-run');
    expect([dry.status, dry.stdout]).toEqual([0, expect.stringContaining('1 file (4 KiB) would go to')]);
    const exit = await bring(image, small);
    expect(exit.status, exit.stderr).toBe(0);
    const [own, theirs] = [await lstat(image), await lstat(join(dir, 'image'))];
    expect(theirs.size).toBe(IMAGE);
    expect(theirs.blocks).toBeLessThanOrEqual(own.blocks * 1.05);
    const head = await readHead(join(dir, 'image'), 4097);
    expect(head.equals(Buffer.concat([makeContent(4096, 1)], 4097))).toBe(true);
  });
});

async function readHead(file: string, bytes: number): Promise<Buffer> {
  const handle = await open(file);
  const { buffer } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
  await handle.close();
  return buffer;
}

/** Brings this over and over, as a sender does that sends no list, until it is refused. Resolves with how often it was taken. */
async function flood(bring: (n: number) => Promise<unknown>, most: number): Promise<number> {
  for (let n = 0; n < most; n++) {
    try {
      await bring(n);
    } catch (error) {
      expect(error).toMatchObject({ code: 'no-space' });
      return n;
    }
  }
  return most;
}

const FLOODS: [string, (sink: Sink, n: number) => Promise<unknown>][] = [
  ['empty files', (sink, n) => receiveFile(sink, `e${n}`, Buffer.alloc(0))],
  ['empty streams', async (sink, n) => expectPart(await sink.open(offerFile(`s${n}`, null))).commit(0)],
  ['files of one byte', (sink, n) => receiveFile(sink, `o${n}`, Buffer.alloc(1))],
  ['folders', (sink, n) => sink.place(offerDirectory(`d${n}`))],
  ['links', (sink, n) => sink.place(offerLink(`l/${n}`, 'x'.repeat(200)))],
  ['empty files in deep new folders', (sink, n) => receiveFile(sink, `p${n}${'/d'.repeat(90)}/x`, Buffer.alloc(0))],
];

describe('a sender that brings what is nearly nothing, and very much of it', () => {
  it.for(FLOODS)('%s: takes no more of the disk than the quota', async ([, bring]) => {
    const dir = await tempDir();
    const MOST = MIB / 4096;
    const quota = await createQuota(dir, MIB);
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, sync: false, quota });
    expect(await flood((n) => bring(sink, n), 2 * MOST)).toBeLessThanOrEqual(MOST);
    const names = await readNames(dir);
    expect(names.length).toBeLessThanOrEqual(MOST);
    expect(names.length).toBeGreaterThan(MOST / 2);
  });

  it.for(FLOODS)('%s: leaves the owner inodes of a disk that has few', async ([, bring], context) => {
    const disk = await mountExt4(context, 64, ['-N', '2000', '-m', '0']);
    const sink = createFileSink({
      dir: disk,
      onConflict: 'rename',
      maxSize: Infinity,
      sync: false,
      space: createSpace(),
    });
    expect(await flood((n) => bring(sink, n), 2500)).toBeLessThan(2000);
    const { ffree, files } = await statfs(disk);
    expect(ffree).toBeGreaterThanOrEqual(Math.floor(files / 16) - 1);
    expect(ffree).toBeLessThan(files / 8);
    await writeFile(join(disk, "the owner's"), 'x');
  });

  it('a stream of which nobody knows how long it is leaves free what a small disk keeps free', async (context) => {
    const dir = await mountMemory(context, 'size=32m');
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, space: createSpace() });
    const part = expectPart(await sink.open(offerFile('stream', null)));
    const block = Buffer.alloc(MIB, 1);
    expect(await flood((n) => part.write(block, n * MIB), 40)).toBe(30);
    const { bavail, bsize } = await statfs(dir);
    expect(bavail * bsize).toBeGreaterThanOrEqual(2 * MIB);
    await part.discard();
    expect(await readNames(dir)).toEqual([]);
  });
});
