/** `ftx receive`: from its arguments to an exit code, with what it writes in between. */
import { formatBytes } from '../../core/bytes.js';
import { FtxError, toFtxError } from '../../core/errors.js';
import type { TransferEvent } from '../../core/events.js';
import type { ConflictPolicy } from '../../core/inbox.js';
import { receive, type Receiver, type ReceiveResult } from '../../mailbox/receive.js';
import { createBudgets, type LeftOut } from '../screen/budgets.js';
import { createCallers, type Caller } from '../screen/callers.js';
import { toJsonLine } from '../screen/escape.js';
import { describeFailure } from '../screen/failure.js';
import { describeLosses, formatCount } from '../screen/format.js';
import type { CliIo } from '../screen/io.js';
import { createJsonEvents } from '../screen/json-events.js';
import { runParts } from './parts.js';
import { createReceiveText, describeCode, describeLeftOut, type ReceiveLine } from '../screen/receive-text.js';
import { createStrangerEvents } from '../screen/stranger-events.js';
import { watchSignals } from '../signals.js';
import { createArrived } from '../screen/arrived.js';
import { createSenders } from '../screen/senders.js';
import { openView } from '../screen/open-view.js';
import type { View } from '../screen/view.js';

/** How long running transfers may go on after the first Ctrl-C. */
const GRACE_MS = 10_000;
/** How many lines, beside those of new files, the strangers of a network get at once, and how soon they get another one. */
const LINES = { most: 200, everyMs: 60_000 };
/** The same for --json: how many sessions, and entries that bring nothing new. */
const EVENTS = { most: 10_000, everyMs: 10_000 };

/** The arguments of `ftx receive`, each parsed. */
export interface ReceiveArguments {
  readonly dir: string;
  readonly port: number;
  readonly host?: string;
  readonly onConflict: ConflictPolicy;
  readonly maxSize: number;
  readonly maxFiles: number;
  readonly quota?: number;
  readonly maxConnections: number;
  readonly classic: boolean;
  readonly plain?: boolean;
  readonly sync: boolean;
  readonly ledger: boolean;
  readonly fileMode?: number;
  readonly dirMode?: number;
  readonly knownOnly?: boolean;
  readonly pair?: boolean;
  readonly once?: boolean;
  readonly timeoutMs: number;
  readonly keepPartsMs: number;
  readonly listParts?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Receives until it is stopped, shows what arrives, and resolves with the exit code. */
export async function runReceive(args: ReceiveArguments, io: CliIo, library = receive): Promise<number> {
  if (args.listParts) return runParts({ dir: args.dir, json: args.json }, io);
  const view = await openView('receive', io, args);
  const report = createReport(args, io, view);
  if (!args.sync && !args.quiet)
    view.print('not synchronised: a power cut may lose what was stored in the last half minute');
  const stop = new AbortController();
  let receiver: Receiver | undefined;
  // If closing fails, `receiver.closed` rejects too.
  const close = () => void receiver?.close(GRACE_MS).catch(() => undefined);
  const signals = watchSignals(io, {
    first: () => {
      report.stopping();
      if (receiver) close();
      else stop.abort(new FtxError('aborted', 'Stopped before it listened.'));
    },
    cleanUp: view.close,
  });
  try {
    const access = args.pair ? 'pair' : args.knownOnly ? 'known' : 'open';
    const onCode = (code: string) => view.print(describeCode(code));
    receiver = await library({ ...args, access, onCode, signal: stop.signal, onEvent: report.onEvent });
    if (signals.received) close();
    const result = await receiver.closed;
    report.finish(result);
    return signals.exitCode(args.once ? result.firstFailure : undefined);
  } catch (error) {
    view.close();
    if (!signals.received) view.print(describeFailure(error));
    return signals.exitCode(toFtxError(error));
  } finally {
    signals.off();
    view.close();
  }
}

/** The lines of --json, without what strangers could have written without end. */
function createEventLines({ stdout, now }: CliIo) {
  const lines = createJsonEvents((line) => stdout.write(line), now);
  const onLeftOut = (sum: LeftOut) => void stdout.write(`${toJsonLine({ type: 'omitted', ...sum })}\n`);
  const budgets = createBudgets({ ...EVENTS, onLeftOut });
  return { ...createStrangerEvents(lines.onEvent, budgets), flush: () => budgets.flush() };
}

function createReport({ json, quiet, onConflict }: ReceiveArguments, io: CliIo, view: View) {
  const tally = createArrived();
  const describe = createReceiveText(onConflict, tally);
  const callers = createCallers();
  const budgets = createBudgets({ ...LINES, onLeftOut: (sum) => view.print(describeLeftOut(sum)) });
  const lines = json ? createEventLines(io) : undefined;
  const running = new Set<number>();
  const senders = createSenders();

  /** A stranger cannot fill the log with what costs it nothing. */
  function mayTell({ isCheap }: ReceiveLine, caller: Caller | undefined): boolean {
    const network = caller?.network;
    if (!isCheap || network === undefined || budgets.take(network)) return true;
    budgets.leaveOut(network);
    return false;
  }

  return {
    onEvent: (event: TransferEvent) => {
      if (event.type === 'connected') {
        running.add(event.session);
        senders.add(event);
      }
      if (event.type === 'done') running.delete(event.session);
      const caller = callers.note(event);
      lines?.onEvent(event, caller);
      const text = describe(event);
      if (text && (text.isFailure || !quiet) && mayTell(text, caller)) view.print(text.line);
      view.onEvent(event);
    },
    stopping: () => {
      if (quiet || running.size === 0) return;
      const transfers = formatCount(running.size, 'running transfer');
      view.print(`stopping: waiting up to ${GRACE_MS / 1000} s for ${transfers} (Ctrl-C again to leave now)`);
    },
    finish: (result: ReceiveResult) => {
      view.close();
      budgets.flush();
      lines?.flush();
      if (quiet || senders.count === 0) return;
      const bytes = tally.newBytes > 0 ? ` (${formatBytes(tally.newBytes)})` : '';
      const there = tally.already > 0 ? `, ${tally.already} already there` : '';
      const what = `${tally.describeNew()}${bytes} from ${senders.describe()}${there}`;
      view.print(`received ${what}${describeLosses(result)}`);
    },
  };
}
