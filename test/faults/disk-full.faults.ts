/** The receiver's disk is used up, or taken away, by somebody else while it receives. */
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { expectFailure, expectTaken, expectWhole } from '../support/aftermath.js';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { startKnowing } from '../support/homes.js';
import { mountMemory, remount } from '../support/mounts.js';
import { endOf, runFtx, startFtx } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';
import { needStrace, traceProcess } from '../support/strace.js';

const MIB = 1024 * 1024;
const FULL = /file\.bin.*: the receiver's disk is full/;
const NO_MORE_FILES = /x.*: the receiver's disk can take no more files/;

async function startOn(dir: string): Promise<Mailbox> {
  // The files of the ledger would take inodes too.
  return { ...(await startReceiver(['--dir', dir, '--no-ledger'])), dir };
}

async function startOnMemory(context: TestContext, options: string): Promise<Mailbox> {
  return startOn(await mountMemory(context, options));
}

async function makeFile(size: number, name = 'file.bin'): Promise<string> {
  const file = join(await tempDir(), name);
  await writeContent(file, size);
  return file;
}

async function readFreeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
}

/** Sends, and does this while the file is half over. */
async function sendMeanwhile(receiver: Mailbox, file: string, work: () => Promise<void>) {
  const proxy = await startProxy(receiver.port, { toReceiver: { stall: 20 * MIB } });
  const sending = send(proxy.address, file);
  await proxy.struck;
  await work();
  proxy.resume();
  return sending;
}

describe('a disk that is full in the middle', () => {
  it('because somebody else fills it', async (context) => {
    const receiver = await startOnMemory(context, 'size=160m');
    const file = await makeFile(80 * MIB);
    const filler = join(receiver.dir, 'filler');
    const exit = await sendMeanwhile(receiver, file, () =>
      writeFile(filler, Buffer.alloc(160 * MIB)).catch(() => undefined),
    );
    expectFailure(exit, 74, FULL);
    expect(exit.stderr).toMatch(/ What had arrived was removed\./);
    expect(await readNames(receiver.dir)).toEqual(['filler']);
    await rm(filler);
    expect(await readFreeBytes(receiver.dir)).toBe(160 * MIB);
    await expectTaken(receiver, file);
  });

  it('because of a stream of which nobody knew how long it is', async (context) => {
    const receiver = await startOnMemory(context, 'size=32m');
    const sender = startFtx(['send', '-', '--name', 'file.bin', '--to', receiver.address]);
    sender.stdin.end(Buffer.alloc(40 * MIB, 1));
    expectFailure(await sender.exit, 74, FULL);
    expect(await readNames(receiver.dir)).toEqual([]);
    const again = startFtx(['send', '-', '--name', 'file.bin', '--quiet', '--to', receiver.address]);
    again.stdin.write(Buffer.alloc(8 * MIB, 1));
    expect((await endOf(again)).status).toBe(0);
    expect(await readNames(receiver.dir)).toEqual(['file.bin']);
  });
});

describe('a large file of a sender that is known', () => {
  it.for(['ENOSPC', 'EDQUOT'])('is kept as far as it has come (%s), and gone on with', async (errno, context) => {
    await needStrace(context);
    const { receiver, env } = await startKnowing(await tempDir());
    const file = await makeFile(80 * MIB);
    const proxy = await startProxy(receiver.port, { toReceiver: { stall: 70 * MIB } });
    // Late enough for a checkpoint, because the journal cannot be written after it either.
    // By any name the receiver is the one that it has paired with.
    const { identity } = receiver.listening;
    const args = ['send', file, '--retry', '0', '--json', '--peer', identity!];
    const sender = startFtx([...args, '--to', proxy.address], { env });
    await proxy.struck;
    const trace = await traceProcess(receiver.program.pid, { calls: ['pwrite64', 'pwritev'], fault: `error=${errno}` });
    proxy.resume();
    const exit = await sender.exit;
    await trace.stop();
    expect(exit.status, exit.stderr).toBe(74);
    expect(exit.stderr).toMatch(
      /file\.bin: the receiver's disk .*\. [\d.]+ MiB of 80 MiB are kept; the same command goes on\./,
    );
    const again = await runFtx([...args, '--to', receiver.address], { env });
    expect(again.status, again.stderr).toBe(0);
    const resumed = Number(/"type":"resumed".*?"bytes":(\d+)/.exec(again.stdout)?.[1]);
    expect(resumed).toBeGreaterThan(8 * MIB);
    expect(Number(/([\d.]+) MiB of 80 MiB are kept/.exec(exit.stderr)?.[1])).toBe(resumed / MIB);
    await expectWhole(receiver.dir, file);
    expect(await readNames(receiver.dir)).toEqual(['file.bin']);
  });

  it('is kept when somebody else fills the disk, and gives way to another file that needs the room', async (context) => {
    const { receiver, env } = await startKnowing(await mountMemory(context, 'size=200m'));
    const { identity } = receiver.listening;
    const proxy = await startProxy(receiver.port, { toReceiver: { stall: 40 * MIB } });
    const args = ['--retry', '0', '--json', '--peer', identity!];
    const sender = startFtx(['send', await makeFile(80 * MIB), ...args, '--to', proxy.address], { env });
    await proxy.struck;
    const filler = join(receiver.dir, 'filler');
    await writeFile(filler, Buffer.alloc(200 * MIB)).catch(() => undefined);
    proxy.resume();
    const exit = await sender.exit;
    expect(exit.stderr).toMatch(/ MiB of 80 MiB are kept; the same command goes on\./);
    await rm(filler);
    // 64 MiB stay free.
    expect(await readFreeBytes(receiver.dir)).toBeLessThan((64 + 110) * MIB);
    const other = await makeFile(110 * MIB, 'other.bin');
    const planned = await runFtx(['send', other, ...args, '--dry-run', '--to', receiver.address], { env });
    expect(planned.status, planned.stderr).toBe(0);
    expect(await readNames(receiver.dir)).toHaveLength(2);
    const sent = await runFtx(['send', other, ...args, '--to', receiver.address], { env });
    expect(sent.status, sent.stderr).toBe(0);
    expect(await readNames(receiver.dir)).toEqual(['other.bin']);
    await expectWhole(receiver.dir, other);
  });
});

describe('a disk without inodes', () => {
  it('for a file', async (context) => {
    // Of which the root takes one, and a file two while it gets its name.
    const receiver = await startOnMemory(context, 'size=8m,nr_inodes=3');
    expect((await send(receiver.address, await makeFile(1000, 'first'))).status).toBe(0);
    const file = await makeFile(1000, 'x');
    expectFailure(await send(receiver.address, file), 74, NO_MORE_FILES);
    expect(await readNames(receiver.dir)).toEqual(['first']);
    await rm(join(receiver.dir, 'first'));
    await expectTaken(receiver, file);
  });

  it('for a large file beside its journal', async (context) => {
    const receiver = await startOnMemory(context, 'size=128m,nr_inodes=2');
    const file = await makeFile(9 * MIB, 'x');
    expectFailure(await send(receiver.address, file), 74, NO_MORE_FILES);
    expect(await readNames(receiver.dir)).toEqual([]);
    await remount(receiver.dir, 'nr_inodes=16');
    await expectTaken(receiver, file);
  });

  it('for a folder', async (context) => {
    const receiver = await startOnMemory(context, 'size=8m,nr_inodes=2');
    const tree = join(await tempDir(), 'x');
    await mkdir(join(tree, 'y'), { recursive: true });
    await writeContent(join(tree, 'y', 'z'), 1000);
    const { status, stderr } = await send(receiver.address, tree);
    const tooFew = /What is sent is 3 files, folders and links, and the receiver's disk can take only 1 more\./;
    expect([status, stderr]).toEqual([74, expect.stringMatching(tooFew)]);
    expect(await readNames(receiver.dir)).toEqual([]);
    await remount(receiver.dir, 'nr_inodes=8');
    expect((await send(receiver.address, tree)).status).toBe(0);
    expect(await readNames(receiver.dir)).toEqual(['x', 'x/y', 'x/y/z']);
  });
});

describe('the folder of the receiver', () => {
  it('turns read-only, and writable again', async (context) => {
    const receiver = await startOnMemory(context, 'size=8m');
    const file = await makeFile(1000);
    await remount(receiver.dir, 'ro');
    expectFailure(await send(receiver.address, file), 77, /file\.bin.*: the receiver's disk is read-only/);
    await remount(receiver.dir, 'rw');
    await expectTaken(receiver, file);
  });

  it.each([1000, 40 * MIB])('is removed under a file of %i bytes', async (size) => {
    const receiver = await startReceiver();
    const file = await makeFile(size);
    const isAnother = /file\.bin.*: The receive folder is not the one that the receiver was started with/;
    if (size > MIB) {
      const proxy = await startProxy(receiver.port, { toReceiver: { stall: 20 * MIB } });
      const sending = send(proxy.address, file, '--retry', '0');
      await proxy.struck;
      await rm(receiver.dir, { recursive: true });
      proxy.resume();
      expectFailure(await sending, 74, isAnother);
    } else await rm(receiver.dir, { recursive: true });
    expectFailure(await send(receiver.address, file), 74, isAnother);
    await mkdir(receiver.dir);
    expectFailure(await send(receiver.address, file), 74, isAnother);
    expect(await readNames(receiver.dir)).toEqual([]);
    await expectTaken(await startOn(receiver.dir), file);
  });
});
