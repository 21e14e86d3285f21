#!/usr/bin/env node
/**
 * The program `ftx`, from argv to exit status.
 *
 * runProgram (program.ts) parses the arguments and calls the runner of the
 * command, which lies in commands/. The runner calls the library (client/ or
 * mailbox/), shows what happens (screen/), and resolves with the exit status
 * (exit-codes.ts). runProgram turns what the runner throws into a sentence and
 * an exit status. Everything a command needs of the process comes in a CliIo,
 * so that tests run the same code without a process.
 *
 * This file deals with what is left: output that cannot be written, errors that
 * nobody catches, and a process that ends before its work does.
 */
import { errnoOf, nameFailure } from '../core/errors.js';
import { EXIT } from './exit-codes.js';
import { describeFailure } from './screen/failure.js';
import { processIo } from './screen/io.js';
import { describeOldNode } from './node-version.js';
import { runProgram } from './program.js';

// Before any module is loaded that an old Node cannot load, which it would say in words of its own.
const oldNode = describeOldNode(process.versions.node);
if (oldNode !== undefined) {
  process.stderr.write(`${oldNode}\n`);
  process.exit(EXIT.config);
}

/** The first failure of each stream. */
const outputFailures = new Map<NodeJS.WriteStream, Error>();
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: Error) => {
    // EPIPE: the reader of the output has gone, as after `| head`. That is no failure.
    if (errnoOf(error) !== 'EPIPE' && !outputFailures.has(stream)) outputFailures.set(stream, error);
  });
}

// An error that nobody catches is a bug, but its user still gets one line and an exit status.
process.on('uncaughtException', (error) => {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exit(EXIT.io);
});

/** Node ends a process that waits for nothing, also in the middle of an `await`: without this, with status 0. */
function reportBug(): void {
  process.exitCode = EXIT.io;
  process.stderr.write('ftx: Nothing is left to wait for and yet it is not done: this is a bug in ftx.\n');
}
process.once('beforeExit', reportBug);

const ended = runProgram(
  process.argv.slice(2),
  {
    // Each command is loaded when it is needed, because loading all of them delays every start.
    send: async (args, io) => {
      const [{ runSend }, inputs] = await Promise.all([import('./commands/send.js'), import('../client/inputs.js')]);
      if (args.paths.includes(inputs.STANDARD_INPUT)) inputs.assertStandardInput();
      return runSend(args, io);
    },
    id: async (args, io) => (await import('./commands/peers.js')).runId(args, io),
    peers: async (args, io) => (await import('./commands/peers.js')).runPeers(args, io),
    forget: async (host, io) => (await import('./commands/peers.js')).runForget(host, io),
    parts: async (args, io) => (await import('./commands/parts.js')).runParts(args, io),
    receive: async (args, io) => (await import('./commands/receive.js')).runReceive(args, io),
  },
  processIo(),
);
/** How long output that nobody reads may keep a stopped process from leaving. */
const STOPPED_OUTPUT_MS = 2_000;
const STOPPED: readonly number[] = [EXIT.hungUp, EXIT.interrupted, EXIT.terminated];

// process.exit would cut off output that is still being written, so the process ends by itself.
void ended.then((code) => {
  process.off('beforeExit', reportBug);
  process.exitCode = code;
  // Unless a signal has come: then the output is waited for only so long. The timer itself keeps nothing alive.
  if (STOPPED.includes(code)) setTimeout(() => process.exit(), STOPPED_OUTPUT_MS).unref();
});

// At the very end, because the last line may be the one that cannot be written.
process.once('exit', (code) => {
  // A closed terminal takes no output, and the signal that told of it is the reason for the end.
  if (outputFailures.size === 0 || STOPPED.includes(code)) return;
  process.exitCode = EXIT.io;
  const failure = outputFailures.get(process.stdout);
  if (failure)
    process.stderr.write(
      `ftx: Standard output could not be written (${nameFailure(failure)}): what stands there is incomplete.\n`,
    );
});
