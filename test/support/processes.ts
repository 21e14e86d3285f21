/**
 * Runs programs as child processes of a test: ftx as it is built, and others.
 * Every one is killed when its test ends, whatever came of it.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { onTestFailed, onTestFinished } from 'vitest';
import type { TransferEvent } from '../../src/core/events.js';

export const repository = fileURLToPath(new URL('../..', import.meta.url));
const cli = `${repository}dist/cli/main.js`;

/** The environment of a program whose performance.now() runs so many times as fast, or as slowly with less than 1. */
export function atClockRate(rate: number): NodeJS.ProcessEnv {
  const clock = pathToFileURL(`${repository}test/support/rated-clock.mjs`).href;
  return { NODE_OPTIONS: `--import=${clock}?rate=${rate}` };
}

export type EventOf<T extends TransferEvent['type']> = Extract<TransferEvent, { type: T }> & { readonly v: 1 };

export interface Exit {
  /** What a shell would show: 128 + the signal's number if one killed it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly pid: number;
  readonly stdin: ChildProcessWithoutNullStreams['stdin'];
  /** Settles when the program has ended and all of its output is here. */
  readonly exit: Promise<Exit>;
  /** The first event of this type that matches, past or to come; rejects if the program ends without it. */
  event<T extends TransferEvent['type']>(type: T, matches?: (event: EventOf<T>) => boolean): Promise<EventOf<T>>;
  /** Every JSON line so far. */
  events(): TransferEvent[];
  /** Resolves with the output so far once `text` is in it; rejects if the program ends without it. */
  output(stream: 'stdout' | 'stderr', text: string | RegExp): Promise<string>;
  kill(signal: NodeJS.Signals): void;
  /** The last of what it has said, for messages. */
  tail(): string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The user that it runs as, if not this one. Takes root. */
  readonly uid?: number;
  /** The Node to run ftx with, if not this one. */
  readonly node?: string;
  /** The program of another version of ftx to run, if not the one that is built here. */
  readonly main?: string;
}

const TAIL_CHARS = 2000;
const running = new Set<ChildProcessWithoutNullStreams>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function startFtx(args: readonly string[], options: RunOptions = {}): Program {
  const { node = process.execPath, main = cli } = options;
  if (!existsSync(main)) throw new Error(`${main} is missing: run \`npm run build\` before the end-to-end tests.`);
  return startProgram(node, [main, ...args], options);
}

/** Runs ftx to its end with nothing on its standard input. */
export function runFtx(args: readonly string[], options: RunOptions = {}): Promise<Exit> {
  return endOf(startFtx(args, options));
}

/** Closes a program's standard input and waits for its end. */
export function endOf(program: Program): Promise<Exit> {
  program.stdin.end();
  return program.exit;
}

export function startProgram(command: string, args: readonly string[], options: RunOptions = {}): Program {
  const child = spawn(command, args, {
    cwd: options.cwd,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    env: { ...process.env, NO_COLOR: '1', ...options.env },
  });
  running.add(child);
  // A program that ends before it has read everything is for the test to judge.
  child.stdin.on('error', () => undefined);
  const program = watch(child);
  onTestFailed(() => {
    console.log(`${args.join(' ')}\n${program.tail()}`);
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await program.exit.catch(() => undefined);
  });
  return program;
}

function watch(child: ChildProcessWithoutNullStreams): Program {
  const text = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  let ended = false;
  const tail = (): string => `${text.stdout.slice(-TAIL_CHARS)}${text.stderr.slice(-TAIL_CHARS)}`;
  const look = (): void => {
    for (const check of waiting) check();
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (data: string) => {
      text[stream] += data;
      look();
    });
  }
  const exit = once(child, 'close').then(([status, signal]: unknown[]): Exit => {
    ended = true;
    running.delete(child);
    look();
    return { status: status as Exit['status'], signal: signal as Exit['signal'], ...text };
  });
  // A program that could not be started has ended too.
  exit.catch((error: unknown) => {
    ended = true;
    running.delete(child);
    text.stderr += String(error);
    look();
  });

  const until = <R>(what: string, find: () => R | undefined): Promise<R> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = find();
        if (found === undefined && !ended) return;
        waiting.delete(check);
        if (found !== undefined) resolve(found);
        else reject(new Error(`The program ended without ${what}:\n${tail()}`));
      };
      waiting.add(check);
      check();
    });

  return {
    pid: child.pid ?? -1,
    stdin: child.stdin,
    exit,
    event: (type, matches = () => true) =>
      until(`the event ${type}`, () =>
        readEvents(text.stdout).find(
          (event): event is EventOf<typeof type> => event.type === type && matches(event as EventOf<typeof type>),
        ),
      ),
    events: () => readEvents(text.stdout),
    output: (stream, wanted) =>
      until(String(wanted), () => (text[stream].search(wanted) === -1 ? undefined : text[stream])),
    kill: (signal) => void child.kill(signal),
    tail,
  };
}

/** The complete lines of a `--json` output. */
function readEvents(stdout: string): TransferEvent[] {
  const complete = stdout.slice(0, stdout.lastIndexOf('\n') + 1);
  return complete
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TransferEvent);
}
