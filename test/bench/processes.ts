/** Starts programs, and sees to it that none outlives the benchmark. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import { atExit } from './cleanup.js';

export interface Command {
  readonly argv: readonly string[];
  /** Files; nothing, or thrown away, when absent; `pipe` to talk to it. */
  readonly stdin?: string;
  readonly stdout?: string;
  /** Added to the benchmark's own environment. */
  readonly env?: NodeJS.ProcessEnv;
}

export interface Running {
  /** For messages. */
  readonly name: string;
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when it has ended and all its output is here. */
  readonly ended: Promise<Ended>;
  hasEnded(): boolean;
  /** Asks it to end, makes it after a while, and waits. */
  stop(): Promise<void>;
  kill(): void;
}

interface Ended {
  readonly status: number | null;
  /** When it ended, by performance.now(). */
  readonly atMs: number;
  /** The last of what it said. */
  readonly stderr: string;
}

const STDERR_CHARACTERS = 2000;
const STOP_MS = 3000;
/** Nothing here takes that long, unless it hangs. */
const DEADLINE_MS = 600_000;

const running = new Set<Running>();
atExit(() => {
  for (const each of running) each.kill();
});

/** `name` is for messages where the program that is started only starts another. */
export function start(command: Command, name = basename(command.argv[0] ?? '')): Running {
  const [program = '', ...args] = command.argv;
  const files = [openFile(command.stdin, 'r'), openFile(command.stdout, 'w')];
  // A group of its own, so that what it starts itself can be ended with it.
  const child = spawn(program, args, {
    detached: true,
    stdio: [files[0], files[1], 'pipe'],
    env: { ...process.env, ...command.env },
  });
  for (const file of files) if (typeof file === 'number') closeSync(file);
  const started: Running = {
    name,
    pid: child.pid ?? 0,
    child,
    ended: watch(child).finally(() => running.delete(started)),
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    stop: () => stop(started),
    kill: () => killGroup(child.pid),
  };
  running.add(started);
  return started;
}

/** Waits for all and resolves with the time at which the last one ended. The first failure ends the others and is thrown. */
export async function awaitSuccess(all: readonly Running[]): Promise<number> {
  const deadline = setTimeout(() => all.forEach((each) => each.kill()), DEADLINE_MS);
  try {
    return Math.max(...(await Promise.all(all.map(succeed))));
  } finally {
    clearTimeout(deadline);
    for (const each of all) if (!each.hasEnded()) each.kill();
  }
}

/** Runs one command to its end and throws if it fails. */
export async function run(...argv: readonly string[]): Promise<void> {
  await awaitSuccess([start({ argv })]);
}

async function succeed({ name, ended }: Running): Promise<number> {
  const { status, atMs, stderr } = await ended;
  if (status !== 0) throw new Error(`${name} ended with ${status ?? 'a signal'}: ${stderr.trim()}`);
  return atMs;
}

function openFile(path: string | undefined, flags: 'r' | 'w'): number | 'ignore' | 'pipe' {
  if (path === undefined) return 'ignore';
  return path === 'pipe' ? path : openSync(path, flags);
}

async function watch(child: ChildProcess): Promise<Ended> {
  let stderr = '';
  let atMs = 0;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_CHARACTERS)));
  child.once('exit', () => (atMs = performance.now()));
  child.once('error', (error) => (stderr += error.message));
  // once() would reject on 'error', before 'close'.
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, atMs, stderr };
}

async function stop(started: Running): Promise<void> {
  started.child.kill('SIGTERM');
  const timer = setTimeout(() => started.kill(), STOP_MS);
  await started.ended;
  clearTimeout(timer);
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended by itself.
  }
}
