/** kill -9 of either side at every system call of a transfer. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { send as sendByLibrary } from '../../src/send.js';
import { expectWhole } from '../support/aftermath.js';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { startFtx, type Exit, type Program } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';
import { oneSentence } from '../support/sentences.js';
import { needStrace, ONE_WORKER, traceProcess, type Call } from '../support/strace.js';

const MIB = 1024 * 1024;
const SMALL = 3000;
/** Long enough for a checkpoint. */
const LARGE = 34 * MIB;
/** Of so many blocks in a row, one is enough. */
const STRIDE = 8;
/** Transfers at the same time. */
const LANES = 3;

/** What changes a disk, and what is said to the other side or heard from it. */
const FILES = ['openat', 'mkdir', 'write', 'pwrite64', 'ftruncate', 'fchmod', 'utimensat', 'fsync', 'fdatasync', 'link', 'rename', 'unlink', 'close'];
const SOCKETS = ['accept4', 'connect', 'read', 'writev', 'shutdown'];
const CALLS = [...FILES, ...SOCKETS];

beforeEach(needStrace);

/** One thread's worth of threads: those that Node wakes up tell so through a pipe, and nothing else happens there. */
function isWorthIt({ line, name, number }: Call): boolean {
  if (line.includes('<anon_inode:')) return false;
  return name !== 'pwrite64' || !line.includes('.part>') || number % STRIDE === 1;
}

/** Does the work for each item, a few at a time, each in the lane that is free. */
async function inLanes<L, T>(lanes: readonly L[], items: readonly T[], work: (lane: L, item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  await Promise.all(
    lanes.map(async (lane) => {
      for (let item; (item = left.shift()) !== undefined; ) await work(lane, item);
    }),
  );
}

async function makeFile(size: number): Promise<string> {
  const file = join(await tempDir(), 'file.bin');
  await writeContent(file, size);
  return file;
}

/** As a user would later, from the same machine. */
async function resend(file: string, port: number): Promise<void> {
  const result = await sendByLibrary({ paths: [file], to: { host: '127.0.0.1', port }, retries: 0 });
  expect(result.firstFailure).toBeUndefined();
  expect(result.stored).toBe(1);
}

/** What is under the final name, if anything is, is the whole file. */
async function expectNothingWrong(dir: string, file: string): Promise<string[]> {
  const names = (await readNames(dir)).filter((name) => !name.startsWith('.ftx-'));
  expect(['', 'file.bin']).toContain(names.join());
  if (names.length > 0) await expectWhole(dir, file);
  return names;
}

/** Kills at each of the calls, in the lane that is free, and looks after each whether all can go on. */
async function killAtEach<L>(lanes: readonly L[], calls: readonly Call[], kill: (lane: L, call: Call) => Promise<boolean>): Promise<void> {
  const struck: Call[] = [];
  await inLanes(lanes, calls, async (lane, call) => {
    try {
      if (await kill(lane, call)) struck.push(call);
    } catch (error) {
      throw new Error(`After a kill at ${call.name} number ${call.number}: ${call.line}`, { cause: error });
    }
  });
  console.log(`killed at ${struck.length} of ${calls.length} calls: ${[...new Set(struck.map(({ name }) => name))].sort().join(' ')}`);
  // How often a side reads depends on how the bytes come; what it does to the disk does not.
  const isOfDisk = ({ line }: Call) => /^(pwrite64|fchmod|utimensat|f(data)?sync|link|unlink|mkdir|ftruncate)/.test(line);
  expect(struck.filter(isOfDisk)).toEqual(expect.arrayContaining(calls.filter(isOfDisk)));
  expect(struck.length).toBeGreaterThan(calls.length * 0.8);
}

describe('a receiver that is killed', () => {
  interface Lane {
    receiver: Mailbox;
    readonly dir: string;
  }

  const start = (dir: string) => startReceiver(['--dir', dir], { env: ONE_WORKER });

  async function startLane(): Promise<Lane> {
    const dir = join(await tempDir(), 'received');
    return { dir, receiver: await start(dir) };
  }

  /** The calls of one transfer to a receiver that has served somebody before. */
  async function listCalls(file: string): Promise<Call[]> {
    const { dir, receiver } = await startLane();
    await resend(file, receiver.port);
    await rm(join(dir, 'file.bin'));
    const trace = await traceProcess(receiver.program.pid, { calls: CALLS });
    await resend(file, receiver.port);
    return (await trace.stop()).filter(isWorthIt);
  }

  async function killAt(lane: Lane, { name, number, threads }: Call, file: string): Promise<boolean> {
    const { program, address } = lane.receiver;
    const trace = await traceProcess(program.pid, { calls: [name], fault: `signal=KILL:when=${number}`, threads });
    const { status, stderr } = await send(address, file, '--quiet');
    await trace.stop();
    // A call may be one that this transfer happened not to make.
    const wasStruck = status !== 0 || !isRunning(program);
    program.kill('SIGKILL');
    expect((await program.exit).signal).toBe('SIGKILL');
    expect([0, 75], stderr).toContain(status);
    if (status !== 0) expect(stderr).toMatch(oneSentence);
    const names = await expectNothingWrong(lane.dir, file);
    if (status === 0) expect(names).toEqual(['file.bin']);
    return wasStruck;
  }

  async function recover(lane: Lane, file: string): Promise<void> {
    lane.receiver = await start(lane.dir);
    await resend(file, lane.receiver.port);
    await expectWhole(lane.dir, file);
    await expect.poll(() => readNames(lane.dir)).toEqual(['file.bin']);
    await rm(join(lane.dir, 'file.bin'));
  }

  test.each([
    ['a small', SMALL],
    ['a large', LARGE],
  ])('at any system call of %s transfer', async (_, size) => {
    const file = await makeFile(size);
    const calls = await listCalls(file);
    const lanes = await Promise.all(Array.from({ length: LANES }, startLane));
    for (const lane of lanes) await recover(lane, file);
    await killAtEach(lanes, calls, async (lane, call) => {
      const wasStruck = await killAt(lane, call, file);
      await recover(lane, file);
      return wasStruck;
    });
  }, 300_000);
});

function isRunning({ pid }: Program): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
