/** The command line: commands, options, their defaults and their help. The defaults are those of the library. */
import { Command, CommanderError, Option } from 'commander';
import { toFtxError } from '../core/errors.js';
import {
  DEFAULT_KEEP_PARTS_MS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_MAX_FILES,
  DEFAULT_MAX_SIZE,
  DEFAULT_ON_CONFLICT,
  DEFAULT_PORT,
  DEFAULT_RETRIES,
  DEFAULT_TIMEOUT_MS,
} from '../core/defaults.js';
import { assertExactOptions, assertExactPaths, assertOptionsAreNoFiles } from './arguments.js';
import { escapeText } from './screen/escape.js';
import { EXIT, exitCodeFor, exitCodeHelp } from './exit-codes.js';
import { describeFailure } from './screen/failure.js';
import type { CliIo } from './screen/io.js';
import { describeVersion } from './node-version.js';
import {
  parseCount,
  parseDirMode,
  parseDurationAsMs,
  parseFileMode,
  parseListenPort,
  parseOnce,
  parseRetries,
  parseSecondsAsMs,
  parseSize,
} from './parse.js';
import type { PartsArguments } from './commands/parts.js';
import type { PeersArguments } from './commands/peers.js';
import type { ReceiveArguments } from './commands/receive.js';
import type { SendArguments } from './commands/send.js';

/** What each command does. A runner resolves with the exit code. */
export interface Runners {
  send(args: SendArguments, io: CliIo): Promise<number>;
  receive(args: ReceiveArguments, io: CliIo): Promise<number>;
  id(args: PeersArguments, io: CliIo): Promise<number>;
  peers(args: PeersArguments, io: CliIo): Promise<number>;
  forget(host: string, io: CliIo): Promise<number>;
  parts(args: PartsArguments, io: CliIo): Promise<number>;
}

/** Runs one command line, without node and script name, and resolves with the exit code; never rejects. */
export async function runProgram(argv: readonly string[], runners: Runners, io: CliIo): Promise<number> {
  let exitCode: number = EXIT.ok;
  const keepCode = (code: number) => void (exitCode = code);
  try {
    assertOptionsAreNoFiles(argv);
    await createProgram(runners, io, keepCode).parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    io.stderr.write(`${describeFailure(error)}\n`);
    return exitCodeFor(toFtxError(error).code);
  }
}

function createProgram(runners: Runners, io: CliIo, keepCode: (code: number) => void): Command {
  const program = new Command('ftx')
    .description('A file mailbox on a TCP port: what is reported stored is verified and durable.')
    .version(
      describeVersion(process.versions.node),
      '--version',
      'print the version, and which versions of Node are supported',
    )
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) => write(describeUsageError(text)),
    });
  const receive = addReceive(program).action(async (options: Typed<ReceiveArguments, 'keepPartsMs'>) => {
    assertExactOptions(options);
    const { timeout: timeoutMs, keepParts: keepPartsMs, ...rest } = options;
    keepCode(await runners.receive({ ...rest, timeoutMs, keepPartsMs }, io));
  });
  const send = addSend(program).action(async (paths: string[], options: Typed<Omit<SendArguments, 'paths'>>) => {
    assertExactPaths(paths);
    assertExactOptions(options);
    const { timeout: timeoutMs, ...rest } = options;
    keepCode(await runners.send({ ...rest, timeoutMs, paths }, io));
  });
  const id = addId(program).action(async (options: PeersArguments) => keepCode(await runners.id(options, io)));
  const peers = addPeers(program).action(async (options: PeersArguments) => keepCode(await runners.peers(options, io)));
  const forget = addForget(peers).action(async (host: string) => {
    assertExactOptions({ host });
    keepCode(await runners.forget(host, io));
  });
  const parts = addParts(program).action(async (options: PartsArguments) => {
    assertExactOptions(options);
    keepCode(await runners.parts(options, io));
  });
  for (const command of [program, receive, send, id, peers, forget, parts])
    command.addHelpText('after', exitCodeHelp());
  return program;
}

function addReceive(program: Command): Command {
  return program
    .command('receive')
    .description('receive files into a folder until stopped')
    .option('--dir <folder>', 'where to put them; made if it is missing', './received')
    .option('--port <port>', 'where to listen; 0 takes a free port', parseListenPort, DEFAULT_PORT)
    .option('--host <address>', 'listen on this address only (default: all, IPv4 and IPv6)')
    .addOption(
      new Option('--on-conflict <what>', 'when a name is taken')
        .choices(['rename', 'overwrite', 'skip', 'fail'])
        .default(DEFAULT_ON_CONFLICT),
    )
    .addOption(sizeOption())
    .option(
      '--max-files <count>',
      'files, links and folders that one sender may bring at a time',
      parseCount,
      DEFAULT_MAX_FILES,
    )
    .option(
      '--quota <size>',
      'what the folder may hold in all, with what is there already (default: as much as the disk)',
      parseSize,
    )
    .option('--max-connections <count>', 'senders served at once', parseCount, DEFAULT_MAX_CONNECTIONS)
    .option('--no-classic', 'do not serve senders of the classic handshake')
    .option('--plain', 'without encryption, for senders that use --plain too; on trusted networks only')
    .option(
      '--no-sync',
      'call files stored before the disk has them: faster for many small ones, but a power cut may lose the last',
    )
    .option('--no-ledger', 'do not remember who brought what: a file that is sent again is compared by its content')
    .option('--file-mode <mode>', 'permissions of all new files, like 664 (default: as sent)', parseFileMode)
    .option('--dir-mode <mode>', 'permissions of all new folders, like 775 (default: as sent)', parseDirMode)
    .option('--known-only', 'take files from known senders only')
    .option('--pair', 'the same, and show a code with which one new sender gets known')
    .option('--once', 'leave after the first session')
    .addOption(keepPartsOption())
    .option('--list-parts', 'the same as ftx parts')
    .addOption(timeoutOption())
    .addOption(jsonOption())
    .addOption(quietOption());
}

function addSend(program: Command): Command {
  return program
    .command('send')
    .description('send files and folders')
    .argument('<path...>', 'files and folders; - is standard input and needs --name')
    .requiredOption(
      '--to <host[:port]>',
      `where ftx receive runs; the port defaults to ${DEFAULT_PORT}, IPv6 as [::1]:6000`,
      parseOnce,
    )
    .option('--name <name>', 'the name it gets there, for a single path', parseOnce)
    .option('--allow-empty', 'send standard input also when nothing comes from it')
    .option('--classic', 'speak the classic handshake: one file, no name, not confirmed')
    .option('--dry-run', 'send nothing: show what the receiver would do with each file')
    .option(
      '--retry <count>',
      'how often to try again when the connection is lost; 0 for never',
      parseRetries,
      DEFAULT_RETRIES,
    )
    .option('--plain', 'without encryption, to a receiver that uses --plain too; on trusted networks only')
    .option('--peer <identity>', 'the only receiver to send to: sha256:… as "ftx id" shows it there', parseOnce)
    .option('--pair', 'ask for the code that "ftx receive --pair" shows; send to no new receiver that does not know it')
    .option('--code-file <file>', 'the same, with the code from a file; - is standard input')
    .addOption(timeoutOption())
    .addOption(jsonOption())
    .addOption(quietOption());
}

function addId(program: Command): Command {
  return program.command('id').description('print the identity of this installation').addOption(jsonOption());
}

function addPeers(program: Command): Command {
  return program
    .command('peers')
    .description('list the receivers and senders that are known here')
    .helpCommand(false)
    .addOption(jsonOption());
}

function addForget(peers: Command): Command {
  return peers
    .command('forget')
    .description(
      'forget a receiver, so that the next one met there is taken for it, or a sender, so that it does not get in',
    )
    .argument(
      '<host[:port]|identity>',
      'a receiver as in "ftx send --to", a sender by its name or sha256:… in "ftx peers"',
    );
}

function addParts(program: Command): Command {
  return program
    .command('parts')
    .description('list the transfers into a folder that broke off and can go on, or drop what has arrived of them')
    .option('--dir <folder>', 'the folder that they go into', './received')
    .option('--drop <id>', 'remove what has arrived of the transfer with this ID, or of all')
    .addOption(jsonOption());
}

/** Options as commander names them: `timeout` after --timeout, although its value is in milliseconds. */
type Typed<Arguments, More extends keyof Arguments = never> = Omit<Arguments, 'timeoutMs' | More> & {
  readonly timeout: number;
} & ('keepPartsMs' extends More ? { readonly keepParts: number } : unknown);

function sizeOption(): Option {
  return new Option('--max-size <size>', 'the largest file to take, like 500M or 10G (powers of 1024)')
    .argParser(parseSize)
    .default(DEFAULT_MAX_SIZE, `${DEFAULT_MAX_SIZE / 1024 ** 3}G`);
}

function keepPartsOption(): Option {
  return new Option('--keep-parts <time>', 'how long to keep what has arrived of a transfer that broke off')
    .argParser(parseDurationAsMs)
    .default(DEFAULT_KEEP_PARTS_MS, `${DEFAULT_KEEP_PARTS_MS / 86_400_000}d`);
}

function timeoutOption(): Option {
  return new Option('--timeout <seconds>', 'give up when nothing moves for that long')
    .argParser(parseSecondsAsMs)
    .default(DEFAULT_TIMEOUT_MS, `${DEFAULT_TIMEOUT_MS / 1000}`);
}

function jsonOption(): Option {
  return new Option('--json', 'write one JSON object per event to standard output');
}

function quietOption(): Option {
  return new Option('--quiet', 'say nothing but failures');
}

/** Commander's `error: …` as a sentence of ftx on one line. It quotes what was typed, so it is escaped. */
function describeUsageError(text: string): string {
  const sentence = text
    .replace(/^error: /, '')
    .trim()
    .replaceAll('\n', ' ');
  return `ftx: ${escapeText(sentence)}${sentence.endsWith('.') ? '' : '.'} ftx --help shows what there is.\n`;
}
