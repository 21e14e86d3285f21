/** System calls of a running process, watched and made to fail, with strace. Linux only. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
import { tempDir } from './folders.js';
import { atClockRate, endOf, repository, startProgram, type Exit } from './processes.js';
import { skipTest } from './skips.js';

/**
 * The environment in which a program makes its calls in one order and on the same threads, so that the number of a call
 * always means the same one. On a busy machine, the program would take the disk or the other side for slow, and leave
 * other calls to threads. By a clock that hardly moves, neither is slow.
 */
export const STEADY = { UV_THREADPOOL_SIZE: '1', ...atClockRate(1 / 1000) };

/** Node does its files on other threads than its sockets, and strace counts the calls of each thread by itself. */
export type Threads = 'all' | 'main' | 'others';

export interface TraceOptions {
  /** Names of system calls. */
  readonly calls: readonly string[];
  /** As after strace's `inject=…:`, from the moment of attaching: `error=EIO:when=2`. */
  readonly fault?: string;
  /** Only calls that touch this file. */
  readonly path?: string;
  readonly threads?: Threads;
  /** Whether the processes count that it starts from now on. */
  readonly children?: boolean;
}

export interface Call {
  readonly threads: 'main' | 'others';
  readonly name: string;
  /** Counted from 1 among the calls of this name on its thread, as strace does. */
  readonly number: number;
  /** `fsync(21</dir/file>) = 0` */
  readonly line: string;
}

export interface Trace {
  /** Lets the process go on untouched, if there is one left; resolves with what it has called. */
  stop(): Promise<Call[]>;
}

/** Resolves once the process is under watch. */
export async function traceProcess(pid: number, options: TraceOptions): Promise<Trace> {
  const { calls, fault, path, threads = 'all', children = false } = options;
  const log = join(await tempDir(), 'trace');
  const tasks = readdirSync(`/proc/${pid}/task`).map(Number);
  // With its children, strace takes all threads of the process by itself.
  const all = children ? [pid] : tasks;
  const traced = { all, main: [pid], others: tasks.filter((task) => task !== pid) }[threads];
  const names = calls.map((name) => `?${name}`).join(',');
  const strace = startProgram('strace', [
    ...['-y', '-o', log, '-e', `trace=${names}`, ...(children ? ['-f'] : [])],
    ...(fault === undefined ? [] : ['-e', `inject=${names}:${fault}`]),
    ...(path === undefined ? [] : ['-P', path]),
    ...traced.flatMap((task) => ['-p', String(task)]),
  ]);
  await strace.output('stderr', new RegExp(`(attached[^]*){${traced.length}}`));
  return {
    async stop() {
      strace.kill('SIGTERM');
      await strace.exit;
      return readCalls(await readFile(log, 'utf8'), pid);
    },
  };
}

/** Runs ftx to its end with a fault from its start on. */
export function runUnderStrace(
  args: readonly string[],
  { calls, fault, path }: Required<Pick<TraceOptions, 'calls' | 'fault' | 'path'>>,
): Promise<Exit> {
  const inject = ['-e', `trace=${calls.join()}`, '-e', `inject=${calls.join()}:${fault}`, '-P', path];
  const ftx = [process.execPath, `${repository}dist/cli/main.js`, ...args];
  return endOf(startProgram('strace', ['-f', '-qq', '-o', '/dev/null', ...inject, ...ftx], { env: STEADY }));
}

/** Without the second halves of calls that were interrupted by another thread's. */
function readCalls(log: string, pid: number): Call[] {
  const counts = new Map<string, number>();
  return log.split('\n').flatMap((text) => {
    // With one thread only, strace does not say which.
    const [, task = pid, line = '', name = ''] = /^(?:(\d+) +)?((\w+)\(.*)$/.exec(text) ?? [];
    if (name === '') return [];
    const number = (counts.get(`${task} ${name}`) ?? 0) + 1;
    counts.set(`${task} ${name}`, number);
    return [{ threads: Number(task) === pid ? 'main' : 'others', name, number, line } as const];
  });
}

let reason: Promise<string | undefined> | undefined;

/** Skips the test where no process can be traced. */
export async function needStrace(context: TestContext): Promise<void> {
  const lacking = await (reason ??= findObstacle());
  if (lacking !== undefined) skipTest(context, lacking);
}

async function findObstacle(): Promise<string | undefined> {
  try {
    await promisify(execFile)('strace', ['-f', '-e', 'inject=fsync:error=EIO', 'true']);
    return undefined;
  } catch (error) {
    return `strace does not work here: ${error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : ''}`;
  }
}
