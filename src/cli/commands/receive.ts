/** `ftx receive`: from its arguments to an exit code, with what it writes in between. */
import { formatBytes } from '../../core/bytes.js';
import { FtxError, toFtxError } from '../../core/errors.js';
import type { TransferEvent } from '../../core/events.js';
import type { ConflictPolicy } from '../../core/inbox.js';
import { receive, type Receiver, type ReceiveResult } from '../../mailbox/receive.js';
import { describeFailure } from '../screen/failure.js';
import { describeLosses, formatCount } from '../screen/format.js';
import type { CliIo } from '../screen/io.js';
import { createJsonEvents } from '../screen/json-events.js';
import { runParts } from './parts.js';
import { createReceiveText, describeCode } from '../screen/receive-text.js';
import { watchSignals } from '../signals.js';
import { createArrived } from '../screen/arrived.js';
import { createSenders } from '../screen/senders.js';
import { openView } from '../screen/open-view.js';
import type { View } from '../screen/view.js';

/** How long running transfers may go on after the first Ctrl-C. */
const GRACE_MS = 10_000;

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

function createReport({ json, quiet, onConflict }: ReceiveArguments, io: CliIo, view: View) {
  const tally = createArrived();
  const describe = createReceiveText(onConflict, tally);
  const lines = json ? createJsonEvents((line) => io.stdout.write(line), io.now) : undefined;
  const running = new Set<number>();
  const senders = createSenders();

  return {
    onEvent: (event: TransferEvent) => {
      if (event.type === 'connected') {
        running.add(event.session);
        senders.add(event);
      }
      if (event.type === 'done') running.delete(event.session);
      lines?.onEvent(event);
      const text = describe(event);
      if (text && (text.isFailure || !quiet)) view.print(text.line);
      view.onEvent(event);
    },
    stopping: () => {
      if (quiet || running.size === 0) return;
      const transfers = formatCount(running.size, 'running transfer');
      view.print(`stopping: waiting up to ${GRACE_MS / 1000} s for ${transfers} (Ctrl-C again to leave now)`);
    },
    finish: (result: ReceiveResult) => {
      view.close();
      if (quiet || senders.count === 0) return;
      const bytes = tally.bytes > 0 ? ` (${formatBytes(tally.bytes)})` : '';
      view.print(`received ${tally.describe()}${bytes} from ${senders.describe()}${describeLosses(result)}`);
    },
  };
}
