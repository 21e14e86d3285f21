/** What `ftx send --dry-run` writes: what the receiver would do with each entry, and with the whole. */
import { formatBytes } from '../../core/bytes.js';
import type { TransferEvent } from '../../core/events.js';
import { formatTarget, type Address } from '../../core/address.js';
import { escapeText } from '../screen/escape.js';
import { describeFailure } from '../screen/failure.js';
import { createLosses, showName, type Losses } from '../screen/losses.js';
import { describeKinds, describeLosses } from '../screen/format.js';
import type { CliIo } from '../screen/io.js';
import { createJsonEvents } from '../screen/json-events.js';
import type { SendReport } from './send-report.js';
import { createSendText } from '../screen/send-text.js';
import { createArrived } from '../screen/arrived.js';
import type { Appearance, View } from '../screen/view.js';

type Planned = Extract<TransferEvent, { type: 'planned' }>;
type Checked = Extract<TransferEvent, { type: 'checked' }>;

const FATE_COLUMNS = 13;
const SIZE_COLUMNS = 10;

/** Writes a line for each entry and one for the whole to standard output. */
export function createDryRunReport({ json, quiet }: Appearance, io: CliIo, to: Address, view: View): SendReport {
  const startMs = io.now();
  const tally = createArrived();
  const text = createSendText(to, tally);
  const lines = json ? createJsonEvents((line) => io.stdout.write(line), io.now) : undefined;
  const isTable = !json && !quiet;
  const whole = createWhole(to);
  const losses = createLosses();

  function writeText(event: TransferEvent): void {
    const line = isTable ? describeFate(event, losses) : undefined;
    const said = text.describe(event);
    if (line) io.stdout.write(`${line}\n`);
    else if (said && !(quiet && event.type === 'peer')) view.print(said);
  }

  return {
    onEvent: (event) => {
      lines?.onEvent(event);
      whole.note(event);
      writeText(event);
    },
    finish: (summary) => {
      lines?.finish(summary);
      if (isTable) losses.more().forEach((sentence) => io.stdout.write(`${sentence}\n`));
      if (isTable) io.stdout.write(`${whole.describe(summary)}\n`);
      if (!isTable) text.describeMore().forEach(view.print);
      if (!quiet) text.advise().forEach(view.print);
    },
    fail: (failure, stopped) => {
      view.print(stopped ? 'ftx: stopped: nothing was sent.' : describeFailure(failure));
      if (failure.code === 'usage') return;
      lines?.fail(failure);
      lines?.finish(tally.summary((io.now() - startMs) / 1000));
    },
  };
}

/** `resume at 45%    2 GiB  film.mp4`; undefined for events about no entry. */
export function describeFate(event: TransferEvent, losses: Losses): string | undefined {
  if (event.type === 'planned') return formatRow(nameFate(event), nameSize(event), describeName(event));
  if ((event.type !== 'refused' && event.type !== 'failed') || event.path === null) return undefined;
  const told = losses.tell({ ...event, path: event.path });
  return told && formatRow(event.type === 'refused' ? 'refused' : 'not sent', '', `${told.what}: ${told.why}`);
}

function formatRow(fate: string, size: string, rest: string): string {
  return `${fate.padEnd(FATE_COLUMNS)}  ${size.padStart(SIZE_COLUMNS)}  ${rest}`;
}

function nameFate({ fate, offset, size }: Planned): string {
  if (offset > 0 && size !== null) return `resume at ${Math.floor((100 * offset) / size)}%`;
  return fate === 'already' ? 'already there' : fate;
}

function nameSize({ kind, size }: Planned): string {
  if (kind !== 'file') return kind === 'directory' ? 'folder' : 'link';
  return size === null ? 'unknown' : formatBytes(size);
}

function describeName({ path, as }: Planned): string {
  return as === path ? showName(path) : `${showName(path)} as ${showName(as)}`;
}

function createWhole(to: Address) {
  const target = escapeText(formatTarget(to));
  const sent = { file: 0, directory: 0, symlink: 0 };
  let already = 0;
  let hasStream = false;
  let checked: Checked | undefined;
  let hasDiskFailed = false;

  /** Undefined where the disk has failed: then it tells nothing for that reason. */
  function describeRoom(): string | undefined {
    if (!checked || (checked.free === null && hasDiskFailed)) return undefined;
    const { free } = checked;
    return free === null ? 'its disk does not tell how much room there is' : `there is room for ${formatBytes(free)}`;
  }

  return {
    note(event: TransferEvent): void {
      if (event.type === 'checked') checked = event;
      hasDiskFailed ||= event.type === 'failed' && event.code === 'io';
      if (event.type !== 'planned') return;
      // Folders and links have no content that need not be sent.
      if (event.fate !== 'already') sent[event.kind] += 1;
      else if (event.kind === 'file') already += 1;
      hasStream ||= event.size === null;
    },
    /** `dry run: 3 files, 1 folder (1.2 GiB) would go to host, 4 are already there; 1 refused. Nothing was sent; …` */
    describe(losses: { refused: number; failed: number }): string {
      const kinds = describeKinds(sent);
      const bytes = hasStream ? 'of unknown size' : formatBytes(checked?.needed ?? 0);
      const what = `dry run: ${kinds}${kinds === 'nothing' ? '' : ` (${bytes})`} would go to ${target}`;
      const there = already > 0 ? `, ${already} already there` : '';
      const room = describeRoom();
      return `${what}${there}${describeLosses(losses)}. Nothing was sent${room ? `; ${room}` : ''}.`;
    },
  };
}
