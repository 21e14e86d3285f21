/** The receiver's disk refuses one system call, and what it has said before no longer counts. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { expectFailure, expectTaken, expectWhole } from '../support/aftermath.js';
import { readNames, readTree, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { startProxy } from '../support/proxy.js';
import { needStrace, STEADY, traceProcess, type Call, type TraceOptions } from '../support/strace.js';

const MIB = 1024 * 1024;
const SMALL = 3000;
/** Kept when it breaks off. */
const RESUMABLE = 12 * MIB;
/** Long enough for a checkpoint in the middle. */
const LONG = 48 * MIB;
/** One block, and several together: how many of them there are of which kind depends on how fast they come. */
const BLOCKS = 'pwrite64,pwritev';
/** Every call that makes something durable, so that each is seen. */
const SYNCS = ['fsync', 'fdatasync', 'sync_file_range', 'syncfs', 'sync'];

beforeEach(needStrace);

/** A receiver that has served somebody, so that all its code is loaded, and forgotten it. */
async function startWarm(args: readonly string[] = []): Promise<Mailbox> {
  const receiver = await startReceiver(args, { env: STEADY });
  const first = join(await tempDir(), 'first');
  await writeFile(first, '1');
  expect((await send(receiver.address, first)).status).toBe(0);
  await rm(join(receiver.dir, 'first'));
  return receiver;
}

async function makeFile(size: number): Promise<string> {
  const file = join(await tempDir(), 'file.bin');
  await writeContent(file, size);
  return file;
}

/** Sends a file to a receiver with this fault; the calls that were made meanwhile, faulty or not. */
async function sendInto(receiver: Mailbox, file: string, options: TraceOptions) {
  const trace = await traceProcess(receiver.program.pid, options);
  const exit = await send(receiver.address, file);
  return { exit, calls: await trace.stop() };
}

/** Sends a file of this size into a fault that it does not survive: nothing is left of it, and it is taken when it is sent again. */
async function expectLost(size: number, options: TraceOptions, status = 74, says = BROKEN): Promise<Call[]> {
  const receiver = await startWarm();
  const file = await makeFile(size);
  const { exit, calls } = await sendInto(receiver, file, options);
  expectFailure(exit, status, says);
  expect(await readNames(receiver.dir)).toEqual([]);
  await expectTaken(receiver, file);
  return calls;
}

const FULL = /file\.bin.*: the receiver's disk is full/;
const NO_MORE_FILES = /file\.bin.*: the receiver's disk can take no more files/;
const BROKEN = /file\.bin.*: the receiver's disk reported an error/;
const QUOTA = /file\.bin.*: the receiver's disk quota is used up/;
const STALE = /file\.bin.*: the receiver's network disk has lost track of it/;
const DAMAGED = /file\.bin.*: the receiver's file system is damaged/;
const READ_ONLY = /file\.bin.*: the receiver's disk is read-only/;

describe('a system call of the receiver that fails', () => {
  it.each<[string, string, string, number, number, RegExp]>([
    ['no space for a small file', 'pwrite64', 'error=ENOSPC:when=1', SMALL, 74, FULL],
    ['no space in the middle', BLOCKS, 'error=ENOSPC:when=3+', RESUMABLE, 74, FULL],
    ['no space for the name', 'link', 'error=ENOSPC', SMALL, 74, NO_MORE_FILES],
    ['a quota that is used up in the middle', BLOCKS, 'error=EDQUOT:when=3+', RESUMABLE, 74, QUOTA],
    ['a quota that is used up for a small file', 'pwrite64', 'error=EDQUOT:when=1', SMALL, 74, QUOTA],
    ['a quota that is used up at the sync', 'fsync', 'error=EDQUOT:when=1', SMALL, 74, QUOTA],
    ['a network disk whose server was restarted', BLOCKS, 'error=ESTALE:when=3+', RESUMABLE, 74, STALE],
    ['a network disk that is lost at the sync', 'fsync', 'error=ESTALE:when=1', SMALL, 74, STALE],
    ['a damaged file system', 'pwrite64', 'error=EUCLEAN:when=1', SMALL, 74, DAMAGED],
    ['EIO at the first write', 'pwrite64', 'error=EIO:when=1+', SMALL, 74, BROKEN],
    ['EIO in the middle', BLOCKS, 'error=EIO:when=3', RESUMABLE, 74, BROKEN],
    ['EIO at the link', 'link', 'error=EIO', SMALL, 74, BROKEN],
    ['EIO at the link of a large file', 'link', 'error=EIO', RESUMABLE, 74, BROKEN],
    ['EIO at removing the name of the part file', 'unlink', 'error=EIO:when=1', SMALL, 74, BROKEN],
    ['EIO at setting the mode', 'fchmod', 'error=EIO', SMALL, 74, BROKEN],
    ['EIO at setting the time', 'utimensat', 'error=EIO', SMALL, 74, BROKEN],
    ['EIO at closing', 'close', 'error=EIO:when=1+', SMALL, 74, BROKEN],
    ['a disk that turns read-only in the middle', BLOCKS, 'error=EROFS:when=3+', RESUMABLE, 77, READ_ONLY],
    ['a disk that turns read-only at the end', 'link', 'error=EROFS', SMALL, 77, READ_ONLY],
    [
      'too many open files',
      'openat',
      'error=EMFILE:when=1+',
      SMALL,
      75,
      /file\.bin: the receiver has too many files open; try again/,
    ],
  ])('%s', async (_, call, fault, size, status, says) => {
    // What changes only the file's own account is done on the main thread. So is what is done to a small file.
    const isOfMain = ['fchmod', 'utimensat', 'unlink'].includes(call);
    const threads = isOfMain ? 'main' : size === SMALL || call === 'link' ? 'all' : 'others';
    await expectLost(size, { calls: call.split(','), fault, threads }, status, says);
  });

  it('EIO at the rename that is to replace an old file leaves the old one', async () => {
    const receiver = await startWarm(['--on-conflict', 'overwrite']);
    const file = await makeFile(SMALL);
    await writeFile(join(receiver.dir, 'file.bin'), 'old');
    const { exit } = await sendInto(receiver, file, { calls: ['rename'], fault: 'error=EIO' });
    expectFailure(exit, 74, BROKEN);
    expect(await readNames(receiver.dir)).toEqual(['file.bin']);
    expect(await readFile(join(receiver.dir, 'file.bin'), 'utf8')).toBe('old');
    await expectTaken(receiver, file);
  });
});

describe('an fsync that fails is not tried again', () => {
  /** How often a file or folder whose name ends like this was to be made durable. */
  const count = (calls: readonly Call[], name: string) => calls.filter(({ line }) => line.includes(`${name}>`)).length;

  it.each([
    ['of a small file', SMALL],
    ['of a large one', RESUMABLE],
  ])('%s', async (_, size) => {
    const calls = await expectLost(size, { calls: SYNCS, fault: 'error=EIO:when=1' });
    expect(count(calls, '.part')).toBe(1);
  });

  it('of the folder', async () => {
    const calls = await expectLost(SMALL, { calls: SYNCS, fault: 'error=EIO:when=2' });
    expect([count(calls, '.part'), count(calls, '/received')]).toEqual([1, 1]);
  });

  it('at a checkpoint: the file is lost, although a later one would succeed', async () => {
    const calls = await expectLost(LONG, { calls: SYNCS, fault: 'error=EIO:when=1' });
    expect(calls[0]?.line).toMatch(/^fdatasync\(.*\.part>.*EIO/);
    expect(count(calls, '.part')).toBe(1);
  });
});

/** So many that they wait for the disk together. */
const MANY = 300;

async function makeMany(): Promise<string> {
  const tree = join(await tempDir(), 'many');
  await mkdir(tree);
  for (let n = 0; n < MANY; n++) await writeContent(join(tree, `${n}`), n, n);
  return tree;
}

describe('many small files whose file system cannot be synchronised', () => {
  it.each(['EIO', 'ENOSPC', 'ENOSYS'])('(%s) are synchronised one by one', async (errno) => {
    const receiver = await startWarm();
    const [tree, options] = [await makeMany(), { fault: `error=${errno}`, children: true }];
    const trace = await traceProcess(receiver.program.pid, { ...options, calls: ['syncfs'] });
    const exit = await send(receiver.address, tree);
    await trace.stop();
    expect(exit.status, exit.stderr).toBe(0);
    expect(await readTree(join(receiver.dir, 'many'))).toEqual(await readTree(tree));
  });

  it('are lost, each with its sentence, where that fails too', async () => {
    const receiver = await startWarm();
    const tree = await makeMany();
    const trace = await traceProcess(receiver.program.pid, {
      ...{ calls: ['syncfs', 'fsync'], fault: 'error=EIO', children: true },
    });
    const exit = await send(receiver.address, tree, '--json');
    await trace.stop();
    expect(exit.status).toBe(74);
    for (let n = 0; n < MANY; n++) expect(exit.stdout).toContain(`"many/${n}: the receiver's disk reported an error."`);
    expect((await readTree(receiver.dir)).filter(({ path }) => /^many\/\d/.test(path))).toEqual([]);
    await expectTaken(receiver, join(tree, '7'));
  });
});

/** Starts a transfer that breaks off after a checkpoint; the path of its journal. */
async function leaveJournal(receiver: Mailbox, file: string): Promise<string> {
  const proxy = await startProxy(receiver.port, { toReceiver: { cut: 40 * MIB } });
  expectFailure(await send(proxy.address, file), 75, /./);
  await receiver.program.event('done', ({ failed }) => failed === 1);
  const journal = (await readNames(receiver.dir)).find((name) => name.endsWith('.journal'));
  return join(receiver.dir, journal!);
}

describe('a journal', () => {
  it.each(['ENOSPC', 'EIO'])('that cannot be written (%s) costs a head start and not the file', async (errno) => {
    const receiver = await startWarm();
    const file = await makeFile(LONG * 2);
    const path = await leaveJournal(receiver, file);
    const { exit, calls } = await sendInto(receiver, file, {
      calls: ['pwrite64', 'write'],
      fault: `error=${errno}`,
      path,
    });
    expect(exit.status, exit.stderr).toBe(0);
    expect(calls.map(({ line }) => line).join('\n')).toContain(errno);
    await expectWhole(receiver.dir, file);
    expect(await readNames(receiver.dir)).toEqual(['file.bin']);
  });

  it.each(['ENOSPC', 'EIO', 'EDQUOT', 'EPERM'])(
    'that cannot be made (%s) costs no more than that either',
    async (errno) => {
      const receiver = await startWarm();
      const file = await makeFile(RESUMABLE);
      const { exit } = await sendInto(receiver, file, { calls: ['pwrite64'], fault: `error=${errno}:when=1` });
      expect(exit.status, exit.stderr).toBe(0);
      await expectWhole(receiver.dir, file);
      expect(await readNames(receiver.dir)).toEqual(['file.bin']);
    },
  );
});
