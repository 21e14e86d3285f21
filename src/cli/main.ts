#!/usr/bin/env node
import { errnoOf } from '../core/errors.js';
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

let outputFailed = false;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    // EPIPE: the reader has gone, as after `| head`, and nobody is left to tell
    outputFailed ||= errnoOf(error) !== 'EPIPE';
  });
}

process.on('uncaughtException', (error) => {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exit(EXIT.io);
});

function reportBug(): void {
  process.exitCode = EXIT.io;
  process.stderr.write('ftx: Nothing is left to wait for and yet it is not done: this is a bug in ftx.\n');
}
process.once('beforeExit', reportBug);

const ended = runProgram(
  process.argv.slice(2),
  {
    // loaded when needed: a command does not pay for the other's modules
    send: async (args, io) => (await import('./commands/send.js')).runSend(args, io),
    id: async (args, io) => (await import('./commands/peers.js')).runId(args, io),
    peers: async (args, io) => (await import('./commands/peers.js')).runPeers(args, io),
    forget: async (host, io) => (await import('./commands/peers.js')).runForget(host, io),
    receive: async (args, io) => (await import('./commands/receive.js')).runReceive(args, io),
  },
  processIo(),
);
// Not process.exit: it would cut off output that is still on its way.
void ended.then((code) => {
  process.off('beforeExit', reportBug);
  process.exitCode = outputFailed ? EXIT.io : code;
});
