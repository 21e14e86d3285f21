/** `ftx send`: from its arguments to an exit code. */
import { FtxError, toFtxError } from '../../core/errors.js';
import { assertNameFits, STANDARD_INPUT } from '../../client/inputs.js';
import { send, type SendOptions } from '../../client/send.js';
import { parseAddress, type Address } from '../../core/address.js';
import { askCode } from './ask-code.js';
import type { CliIo } from '../screen/io.js';
import { createSendReport } from './send-report.js';
import { watchSignals } from '../signals.js';
import { openView } from '../screen/open-view.js';

/** The arguments of `ftx send`. All are parsed but the address. */
export interface SendArguments {
  readonly paths: readonly string[];
  readonly to: string;
  readonly name?: string;
  readonly allowEmpty?: boolean;
  readonly classic?: boolean;
  readonly dryRun?: boolean;
  readonly plain?: boolean;
  readonly peer?: string;
  readonly pair?: boolean;
  /** `-` for standard input. */
  readonly codeFile?: string;
  readonly timeoutMs: number;
  /** How often in a row to try again. */
  readonly retry: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Sends, shows how it goes, and resolves with the exit code. Throws FtxError `usage` before it writes anything. */
export async function runSend(args: SendArguments, io: CliIo, library = send): Promise<number> {
  checkPaths(args);
  const to = parseAddress(args.to);
  const view = await openView('send', io, args);
  const report = (args.dryRun ? (await import('./dry-run.js')).createDryRunReport : createSendReport)(
    args,
    io,
    to,
    view,
  );
  if (args.plain && !args.quiet) view.print('plain: nothing of this is encrypted');
  const stop = new AbortController();
  const signals = watchSignals(io, {
    first: (signal) => stop.abort(new FtxError('aborted', `Stopped by ${signal}.`)),
    cleanUp: view.close,
  });
  try {
    const { signal } = stop;
    const ask = () => askCode(args, io, to, signal);
    const result = await library({ ...toOptions(args, io, to), askCode: ask, signal, onEvent: report.onEvent });
    report.finish(result);
    return signals.exitCode(result.firstFailure);
  } catch (error) {
    const failure = toFtxError(error);
    report.fail(failure, signals.received !== undefined);
    return signals.exitCode(failure);
  } finally {
    signals.off();
    view.close();
    // An open standard input keeps the process from ending.
    if (args.paths.includes(STANDARD_INPUT)) io.stdin.destroy();
  }
}

function checkPaths({ paths, name, codeFile }: SendArguments): void {
  if (codeFile === STANDARD_INPUT && paths.includes(STANDARD_INPUT))
    throw new FtxError(
      'usage',
      'Standard input can be the file or the code, not both: give the code with --code-file FILE.',
    );
  assertNameFits(paths, name);
}

function toOptions(args: SendArguments, io: CliIo, to: Address): SendOptions {
  return {
    paths: args.paths,
    to,
    classic: args.classic ?? false,
    allowEmpty: args.allowEmpty ?? false,
    plain: args.plain ?? false,
    peer: args.peer,
    pair: args.pair || args.codeFile !== undefined,
    timeoutMs: args.timeoutMs,
    retries: args.retry,
    dryRun: args.dryRun ?? false,
    ...(args.name === undefined ? {} : { name: args.name }),
    ...(args.paths.includes(STANDARD_INPUT) ? { input: io.stdin } : {}),
  };
}
