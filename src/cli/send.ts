import { FtxError, toFtxError } from '../errors.js';
import type { TransferEvent } from '../ports.js';
import { send, type SendOptions } from '../send.js';
import { parseAddress, type Address } from './address.js';
import { EXIT, exitCodeFor, exitCodeForSignal } from './exit-codes.js';
import { describeFailure } from './failure.js';
import type { CliIo } from './io.js';
import { createJsonEvents } from './json-events.js';
import { createSendText } from './send-text.js';
import { watchSignals } from './signals.js';
import { createTally } from './tally.js';
import { openView, wantsBars } from './view.js';

const STANDARD_INPUT = '-';

/** `ftx send` as typed, each option parsed but the address. */
export interface SendArguments {
  readonly paths: readonly string[];
  readonly to: string;
  readonly name?: string;
  readonly classic?: boolean;
  readonly timeoutMs: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Sends, shows how it goes, and resolves with the exit code. Throws FtxError `usage` before anything is written. */
export async function runSend(args: SendArguments, io: CliIo, library = send): Promise<number> {
  checkPaths(args);
  const to = parseAddress(args.to);
  const view = await openView('send', io, args);
  const stop = new AbortController();
  const signals = watchSignals(io, {
    first: (signal) => stop.abort(new FtxError('aborted', `Stopped by ${signal}.`)),
    cleanUp: view.close,
  });
  const report = createReport(args, io, to, view.print);
  const onEvent = (event: TransferEvent): void => {
    report.onEvent(event);
    view.onEvent(event);
  };
  try {
    const result = await library({ ...toOptions(args, io, to), signal: stop.signal, onEvent });
    view.close();
    report.finish(result);
    const code = result.firstFailure === undefined ? EXIT.ok : exitCodeFor(result.firstFailure.code);
    return signals.received === undefined ? code : exitCodeForSignal(signals.received);
  } catch (error) {
    view.close();
    const failure = toFtxError(error);
    report.fail(failure, signals.received !== undefined);
    return signals.received === undefined ? exitCodeFor(failure.code) : exitCodeForSignal(signals.received);
  } finally {
    signals.off();
    view.close();
    // an open standard input would keep the process from ending
    if (args.paths.includes(STANDARD_INPUT)) io.stdin.destroy();
  }
}

function checkPaths({ paths, name }: SendArguments): void {
  if (name !== undefined && paths.length > 1) {
    throw new FtxError('usage', '--name is for a single path: send the paths one by one to give each its name.');
  }
  if (name === undefined && paths.includes(STANDARD_INPUT)) {
    throw new FtxError('usage', 'Standard input (-) has no name of its own: give it one with --name.');
  }
}

function toOptions(args: SendArguments, io: CliIo, to: Address): SendOptions {
  return {
    paths: args.paths,
    to,
    classic: args.classic === true,
    timeoutMs: args.timeoutMs,
    // who sees no totals need not wait for the count
    countTotals: args.json === true || wantsBars(io, args),
    ...(args.name === undefined ? {} : { name: args.name }),
    ...(args.paths.includes(STANDARD_INPUT) ? { input: io.stdin } : {}),
  };
}

function createReport({ json, quiet }: SendArguments, io: CliIo, to: Address, print: (line: string) => void) {
  const startMs = io.now();
  const tally = createTally();
  const text = createSendText(to, tally);
  const lines = json ? createJsonEvents((line) => io.stdout.write(line), io.now) : undefined;

  return {
    onEvent: (event: TransferEvent): void => {
      lines?.onEvent(event);
      const line = text.describe(event);
      if (line !== undefined) print(line);
    },
    finish: (result: Awaited<ReturnType<typeof send>>): void => {
      lines?.finish(result);
      if (quiet !== true) print(text.summarize(result));
    },
    fail: (failure: FtxError, stopped: boolean): void => {
      print(stopped ? `ftx: stopped: ${text.describeArrived()}.` : describeFailure(failure));
      if (failure.code === 'usage') return;
      lines?.fail(failure);
      lines?.finish(tally.summary((io.now() - startMs) / 1000));
      if (!stopped && quiet !== true && tally.arrived > 0) print(`${text.describeArrived()} before that`);
    },
  };
}
