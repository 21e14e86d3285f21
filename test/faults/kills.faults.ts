/** kill -9 of either side at every system call of a transfer. */
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { send as sendByLibrary } from '../../src/client/send.js';
import { forgetHost } from '../../src/home/known-peers.js';
import { readEntry, readNames, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { runFtx, startFtx, type Program } from '../support/processes.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { oneSentence } from '../support/sentences.js';
import { needStrace, STEADY, traceProcess, type Call } from '../support/strace.js';

const MIB = 1024 * 1024;
const SMALL = 3000;
/** Long enough for a checkpoint. */
const LARGE = 34 * MIB;
/** Of one kind on one sort of file: more than a small file ever needs. */
const MAX_REPEATED = 16;
const SPARE = 6;
/** Small files that are sent together. */
const IN_PACK = 10;
/** Transfers at the same time. */
const LANES = 3;

/** What changes a disk, and what is said to the other side or heard from it. */
const FILES = [
  'openat',
  'mkdir',
  'write',
  'pwrite64',
  'pwritev',
  'ftruncate',
  'fchmod',
  'utimensat',
  'fsync',
  'fdatasync',
  'link',
  'rename',
  'unlink',
  'close',
];
const SOCKETS = ['accept4', 'connect', 'read', 'writev', 'shutdown'];
/** What a sender keeps in its home. */
const HOME = ['identity.pem', 'peers.json', 'pin.key', 'state', 'state/digests'];
const CALLS = [...FILES, ...SOCKETS];

beforeEach(needStrace);

/** All, but of those that a large file needs again and again, with nothing new about them, only a few. */
function choose(calls: readonly Call[]): Call[] {
  // By those, threads of Node wake each other up.
  const own = calls.filter(({ line }) => !line.includes('<anon_inode:'));
  const kindOf = ({ threads, name, line }: Call) => [threads, name, /\.\w+>/.exec(line)?.[0]].join(' ');
  return [...new Set(own.map(kindOf))].flatMap((kind) => {
    const calls = own.filter((call) => kindOf(call) === kind);
    const stride = calls.length <= MAX_REPEATED ? 1 : Math.ceil(calls.length / SPARE);
    return calls.filter((_, index) => index % stride === 0);
  });
}

/** Does the work for each item, a few at a time, each in the lane that is free. */
async function inLanes<L, T>(
  lanes: readonly L[],
  items: readonly T[],
  work: (lane: L, item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  await Promise.all(
    lanes.map(async (lane) => {
      for (let item; (item = left.shift()) !== undefined;) await work(lane, item);
    }),
  );
}

async function makeFile(size: number): Promise<string> {
  const file = join(await tempDir(), 'sent');
  await writeContent(file, size);
  return file;
}

/** So many small files that they go in a pack. */
async function makeTree(): Promise<string> {
  const tree = join(await tempDir(), 'sent');
  await mkdir(tree);
  for (let n = 0; n < IN_PACK; n += 1) await writeContent(join(tree, `${n}`), SMALL + n, n);
  return tree;
}

/** The contents of all files of a folder that are called after what was sent, by their paths. */
async function readSent(dir: string): Promise<Map<string, string>> {
  // What the receiver keeps there for itself may go at any moment.
  const names = (await readNames(dir)).filter((name) => /^sent(\/\d+)?$/.test(name));
  const all = await Promise.all(names.map((name) => readEntry(join(dir, name), name)));
  return new Map(all.filter(({ kind }) => kind === 'file').map(({ path, content }) => [path, content]));
}

/** All of it is there, and nothing else. */
async function expectAll(dir: string, file: string): Promise<void> {
  expect(await readSent(dir)).toEqual(await readSent(dirname(file)));
  await expect.poll(() => readNames(dir)).toEqual(await readNames(dirname(file)));
}

/** As a user would later, from the same machine. */
async function resend(file: string, port: number): Promise<void> {
  const result = await sendByLibrary({ paths: [file], to: { host: '127.0.0.1', port }, retries: 0 });
  expect(result.firstFailure).toBeUndefined();
  expect(result.stored).toBe((await readNames(dirname(file))).length);
}

/** What is under a final name, if anything is, is the whole file. Resolves with whether all of them are there. */
async function expectNothingWrong(dir: string, file: string): Promise<boolean> {
  const [there, sent] = [await readSent(dir), await readSent(dirname(file))];
  for (const [path, content] of there) expect([path, content]).toEqual([path, sent.get(path)]);
  const others = (await readNames(dir)).filter((name) => !/(^|\/)\.ftx-/.test(name));
  expect(await readNames(dirname(file))).toEqual(expect.arrayContaining(others));
  return there.size === sent.size;
}

/** Kills at each of the calls, in the lane that is free, and looks after each whether all can go on. */
async function killAtEach<L>(
  lanes: readonly L[],
  calls: readonly Call[],
  kill: (lane: L, call: Call) => Promise<boolean>,
): Promise<void> {
  const struck: Call[] = [];
  await inLanes(lanes, calls, async (lane, call) => {
    try {
      if (await kill(lane, call)) struck.push(call);
    } catch (error) {
      throw new Error(`After a kill at ${call.name} number ${call.number}: ${call.line}`, { cause: error });
    }
  });
  console.log(
    `killed at ${struck.length} of ${calls.length} calls: ${[...new Set(struck.map(({ name }) => name))].sort().join(' ')}`,
  );
  // How often a side makes a call, and in which of its threads, depends on how the bytes come and on how busy the machine is.
  // A kill is meant for one number in one kind of thread, so that it may find no call then.
  expect(struck.length).toBeGreaterThan(calls.length * 0.6);
}

describe('a receiver that is killed', () => {
  interface Lane {
    receiver: Mailbox;
    readonly dir: string;
  }

  const start = (dir: string) => startReceiver(['--dir', dir], { env: { UV_THREADPOOL_SIZE: '1' } });
  // Not by a clock that hardly moves: a lock without a mark counts as dead only after a while.

  async function startLane(): Promise<Lane> {
    const dir = join(await tempDir(), 'received');
    return { dir, receiver: await start(dir) };
  }

  /** The calls of one transfer to a receiver that has served somebody before. */
  async function listCalls(file: string): Promise<Call[]> {
    const { dir, receiver } = await startLane();
    await resend(file, receiver.port);
    await rm(join(dir, 'sent'), { recursive: true });
    const trace = await traceProcess(receiver.program.pid, { calls: CALLS });
    await resend(file, receiver.port);
    return choose(await trace.stop());
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
    // Who is killed before or while it accepts has not been reached at all: threads of Node wake each other up by writing.
    // A disk that nobody needs any more is left a moment later, by closing a descriptor.
    const isEarly = SOCKETS.includes(name) || ['write', 'close'].includes(name);
    expect(isEarly ? [0, 69, 75] : [0, 75], stderr).toContain(status);
    if (status !== 0) expect(stderr).toMatch(oneSentence);
    const isWhole = await expectNothingWrong(lane.dir, file);
    if (status === 0) expect(isWhole).toBe(true);
    return wasStruck;
  }

  async function recover(lane: Lane, file: string): Promise<void> {
    lane.receiver = await start(lane.dir);
    await resend(file, lane.receiver.port);
    await expectAll(lane.dir, file);
    await rm(join(lane.dir, 'sent'), { recursive: true });
  }

  it.each([
    ['of a small file', () => makeFile(SMALL)],
    ['of a large file', () => makeFile(LARGE)],
    ['of a pack', makeTree],
  ])(
    'at any system call of the transfer %s',
    async (_, make) => {
      const file = await make();
      const calls = await listCalls(file);
      const lanes = await Promise.all(Array.from({ length: LANES }, startLane));
      for (const lane of lanes) await recover(lane, file);
      await killAtEach(lanes, calls, async (lane, call) => {
        const wasStruck = await killAt(lane, call, file);
        await recover(lane, file);
        return wasStruck;
      });
    },
    300_000,
  );
});

describe('a sender that is killed', () => {
  interface Lane {
    readonly receiver: Mailbox;
    readonly env: { readonly FTX_HOME: string };
  }

  async function startLane(file: string): Promise<Lane> {
    const lane = { receiver: await startReceiver(), env: { FTX_HOME: await tempDir() } };
    // After which its identity is made, and its folders.
    await recover(lane, lane.receiver.address, file);
    return lane;
  }

  /** A sender that has connected to a receiver it does not know yet, and waits for its first word. */
  async function startSender({ receiver, env }: Lane, file: string) {
    const proxy = await startProxy(receiver.port, { toReceiver: { stall: 0 } });
    const program = startFtx(['send', file, '--quiet', '--retry', '0', '--to', proxy.address], {
      env: { ...env, ...STEADY },
    });
    await proxy.struck;
    return { program, proxy };
  }

  async function listCalls(lane: Lane, file: string): Promise<Call[]> {
    const { program, proxy } = await startSender(lane, file);
    const trace = await traceProcess(program.pid, { calls: CALLS });
    proxy.resume();
    expect((await program.exit).status).toBe(0);
    await rm(join(lane.receiver.dir, 'sent'), { recursive: true });
    return choose(await trace.stop());
  }

  async function killAt(
    lane: Lane,
    program: Program,
    proxy: Proxy,
    { name, number, threads }: Call,
    file: string,
  ): Promise<boolean> {
    const trace = await traceProcess(program.pid, { calls: [name], fault: `signal=KILL:when=${number}`, threads });
    proxy.resume();
    const { signal, status } = await program.exit;
    await trace.stop();
    if (signal === null) expect(status).toBe(0);
    await expectNothingWrong(lane.receiver.dir, file);
    return signal === 'SIGKILL';
  }

  /** The same command once more. */
  async function recover({ receiver, env }: Lane, address: string, file: string): Promise<void> {
    const { status, stderr } = await runFtx(['send', file, '--quiet', '--retry', '0', '--to', address], { env });
    expect(status, stderr).toBe(0);
    await expectAll(receiver.dir, file);
    await rm(join(receiver.dir, 'sent'), { recursive: true });
    // Whoever changes the list of known receivers next takes away what was left of the change.
    expect(await forgetHost(env.FTX_HOME, address)).toBe(true);
    expect((await readNames(env.FTX_HOME)).filter((name) => !HOME.includes(name))).toEqual([]);
  }

  it.each([
    ['of a small file', () => makeFile(SMALL)],
    ['of a large file', () => makeFile(LARGE)],
    ['of a pack', makeTree],
  ])(
    'at any system call of the transfer %s',
    async (_, make) => {
      const file = await make();
      const lanes = await Promise.all(Array.from({ length: LANES }, () => startLane(file)));
      const calls = await listCalls(lanes[0]!, file);
      await killAtEach(lanes, calls, async (lane, call) => {
        const { program, proxy } = await startSender(lane, file);
        const wasStruck = await killAt(lane, program, proxy, call, file);
        await recover(lane, proxy.address, file);
        proxy.close();
        return wasStruck;
      });
    },
    300_000,
  );
});

function isRunning({ pid }: Program): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
