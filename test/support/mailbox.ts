/** An `ftx receive` of a test on a free port, and `ftx send` to it. */
import { join } from 'node:path';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import { makeContent, tempDir } from './folders.js';
import { runFtx, startFtx, type EventOf, type Exit, type Program, type RunOptions } from './processes.js';

export interface Mailbox {
  readonly program: Program;
  /** The folder it stores into, which it makes itself. */
  readonly dir: string;
  readonly port: number;
  /** For --to. */
  readonly address: string;
  readonly listening: EventOf<'listening'>;
}

/** Starts a receiver and waits until it listens. */
export async function startReceiver(args: readonly string[] = [], options: RunOptions = {}): Promise<Mailbox> {
  const dir = join(await tempDir(), 'received');
  const program = startFtx(['receive', '--dir', dir, '--port', '0', '--json', ...args], options);
  const listening = await program.event('listening');
  return { program, dir, port: listening.port, address: `127.0.0.1:${listening.port}`, listening };
}

/** Sends once to an address and waits for the end of it. */
export function send(address: string, ...args: string[]): Promise<Exit> {
  return runFtx(['send', '--retry', '0', ...args, '--to', address]);
}

/** Without encryption, for tests that touch single bytes of the protocol on their way. */
export function startPlainReceiver(args: readonly string[] = [], options: RunOptions = {}): Promise<Mailbox> {
  return startReceiver(['--plain', ...args], options);
}

export function sendPlain(address: string, ...args: string[]): Promise<Exit> {
  return send(address, '--plain', ...args);
}

export interface HeldSender {
  readonly program: Program;
  /** What it has been given so far: all that was stored must be if its input now ends. */
  given(): Buffer;
}

/** Starts a sender of standard input and feeds it until the receiver has some; then it waits, in the middle. */
export async function holdSender(receiver: Mailbox, name: string, args: readonly string[] = []): Promise<HeldSender> {
  const program = startFtx(['send', '-', '--name', name, '--to', receiver.address, ...args]);
  const block = makeContent(BLOCK_BYTES, name.length);
  let blocks = 0;
  let feeding = true;
  const feed = (): void => {
    if (!feeding) return;
    blocks += 1;
    program.stdin.write(block, (error) => {
      if (!error) feed();
    });
  };
  feed();
  const arrived = receiver.program.event('progress', (event) => event.path === name && event.bytes > 0);
  const ended = program.exit.then(({ stderr }) => Promise.reject(new Error(`The sender ended early: ${stderr}`)));
  await Promise.race([arrived, ended]).finally(() => (feeding = false));
  ended.catch(() => undefined);
  return { program, given: () => Buffer.concat(Array.from({ length: blocks }, () => block)) };
}
