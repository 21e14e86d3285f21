/** What `ftx send` writes while it runs and at its end: sentences for people, and JSON lines for scripts. */
import type { FtxError } from '../../core/errors.js';
import type { EventListener, Summary, TransferEvent } from '../../core/events.js';
import type { Address } from '../../core/address.js';
import { describeFailure } from '../screen/failure.js';
import type { CliIo } from '../screen/io.js';
import { createJsonEvents } from '../screen/json-events.js';
import { createSendText, type SendTextOptions } from '../screen/send-text.js';
import { createArrived } from '../screen/arrived.js';
import { wantsBars } from '../screen/open-view.js';
import type { Appearance, View } from '../screen/view.js';

/** The output of one `ftx send`. After finish or fail it writes nothing more. */
export interface SendReport {
  readonly onEvent: EventListener;
  finish(summary: Summary): void;
  /** The session has failed. `stopped`: a signal was the reason. */
  fail(failure: FtxError, stopped: boolean): void;
}

/** Whether the event is worth a line although nothing has failed; --quiet leaves it out. */
function isNews({ type }: TransferEvent): boolean {
  return NEWS.has(type);
}

const NEWS: ReadonlySet<TransferEvent['type']> = new Set([
  'peer',
  'paired',
  'resumed',
  'comparing',
  'retrying',
  'waiting',
]);

/** Whether a person knows without a line: bars show that the receiver is waited for, and once is enough in a log. */
function createKnown(hasBars: boolean): (event: TransferEvent) => boolean {
  let hasWaited = hasBars;
  return ({ type }) => {
    if (type !== 'waiting') return false;
    const isKnown = hasWaited;
    hasWaited = true;
    return isKnown;
  };
}

export function createSendReport(args: Appearance & SendTextOptions, io: CliIo, to: Address, view: View): SendReport {
  const { json, quiet, plain } = args;
  const startMs = io.now();
  const tally = createArrived();
  const text = createSendText(to, tally, { plain });
  const lines = json ? createJsonEvents((line) => io.stdout.write(line), io.now) : undefined;
  const isKnown = createKnown(wantsBars(io, args));
  let ended = false;

  const end = () => {
    ended = true;
    view.close();
    text.describeMore().forEach(view.print);
    if (!quiet) text.advise().forEach(view.print);
  };

  return {
    onEvent: (event) => {
      // Closing the connection makes other things fail, which say nothing about why the send has ended.
      if (ended) return;
      lines?.onEvent(event);
      const line = text.describe(event);
      if (line && !isKnown(event) && !(quiet && isNews(event))) view.print(line);
      view.onEvent(event);
    },
    finish: (summary) => {
      end();
      lines?.finish(summary);
      if (!quiet) view.print(text.summarize(summary));
    },
    fail: (failure, stopped) => {
      end();
      view.print(stopped ? `ftx: stopped: ${text.describeStop()}` : describeFailure(failure));
      if (failure.code === 'usage') return;
      lines?.fail(failure);
      lines?.finish(tally.summary((io.now() - startMs) / 1000));
      const rest = stopped || quiet ? undefined : text.describeBreak(failure);
      if (rest) view.print(rest);
    },
  };
}
