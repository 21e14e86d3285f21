/** Installations of ftx on one machine, each in a home of its own. */
import { join } from 'node:path';
import { tempDir } from './folders.js';
import { startReceiver, type Mailbox } from './mailbox.js';
import { endOf, repository, runFtx, startFtx, type Exit } from './processes.js';

export interface Home {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
}

export const note = `${repository}fixtures/files/notes.txt`;

export async function newHome(): Promise<Home> {
  const home = join(await tempDir(), 'home');
  return { home, env: { FTX_HOME: home } };
}

export function sendFrom(env: NodeJS.ProcessEnv, to: string, ...args: string[]): Promise<Exit> {
  return runFtx(['send', note, '--retry', '0', ...args, '--to', to], { env });
}

/** As somebody does who pipes the code into it. */
export function sendWithCode(env: NodeJS.ProcessEnv, to: string, code: string, ...args: string[]): Promise<Exit> {
  const program = startFtx(['send', note, '--retry', '0', '--code-file', '-', ...args, '--to', to], { env });
  program.stdin.write(`${code}\n`);
  return endOf(program);
}

export async function identityOf(env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await runFtx(['id'], { env });
  return /sha256:[0-9a-f]{64}/.exec(stdout)![0];
}

/** What `ftx peers --json` shows, without when and in short. */
export async function peersOf(env: NodeJS.ProcessEnv): Promise<{ role: string; identity: string }[]> {
  const { stdout } = await runFtx(['peers', '--json'], { env });
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const { role, identity } = JSON.parse(line) as { role: string; identity: string };
      return { role, identity };
    });
}

export interface PairingReceiver extends Mailbox {
  /** `4821-9377` */
  readonly code: string;
}

/** An `ftx receive --pair`, with the code from its screen. */
export async function startPairing(env: NodeJS.ProcessEnv, args: readonly string[] = []): Promise<PairingReceiver> {
  const receiver = await startReceiver(['--pair', ...args], { env });
  const screen = await receiver.program.output('stderr', /code: \d{4}-\d{4}/);
  return { ...receiver, code: /code: (\d{4}-\d{4})/.exec(screen)![1]! };
}

/** A receiver on a folder, and the environment of a sender that it knows. */
export async function startKnowing(
  dir: string,
  args: readonly string[] = [],
): Promise<{ receiver: Mailbox; env: NodeJS.ProcessEnv }> {
  const [there, here] = [await newHome(), await newHome()];
  const { code, address, program } = await startPairing(there.env);
  const { status, stderr } = await sendWithCode(here.env, address, code, '--quiet');
  if (status !== 0) throw new Error(`The sender did not pair: ${stderr}`);
  program.kill('SIGTERM');
  await program.exit;
  const receiver = await startReceiver(['--dir', dir, '--no-ledger', ...args], { env: there.env });
  return { receiver: { ...receiver, dir }, env: here.env };
}

/** Another code than that one. */
export function wrongCode(code: string): string {
  return code.replace(/\d/g, (digit) => String((Number(digit) + 1) % 10));
}
