/** The text of the progress bars. Drawing and timing are progress-view's. */
import { formatBytes } from '../../core/bytes.js';
import { hostOf } from '../../core/address.js';
import type { Limit, Totals } from '../../core/events.js';
import { escapeText } from './escape.js';
import { formatRate, formatTimeLeft } from './format.js';
import type { OpenEntry, SessionProgress } from './progress-model.js';
import { cutWidth, fitWidth } from './width.js';

const MIN_BAR_COLUMNS = 8;
const MAX_LABEL_COLUMNS = 48;
/** Below that only the name, the percentage and the rate have room. */
const NARROW_COLUMNS = 60;
const WIDE_COLUMNS = 100;
/** In place of the bar of a sender whose file is all there. */
const WAITING = '100%  waiting for the disk';

export interface Bar {
  readonly label: string;
  readonly bytes: number;
  /** Null for a stream, whose size is known only at its end. */
  readonly size: number | null;
  readonly bytesPerSecond: number | undefined;
  /** Undefined: not known yet. Without the property it follows from the rate. */
  readonly secondsLeft?: number | undefined;
}

/** The bars of `ftx send`: the current file, the whole if it is more than one entry, and what limits the speed. */
export function describeSend(sessions: readonly SessionProgress[], columns: number): string[] {
  const [session] = sessions;
  if (!session) return [];
  const { current, total, waitingFor } = session;
  if (session.counting) return [cutWidth(describeCounting(session.counting), columns)];
  // While nothing can move, a rate that falls to 0 would only frighten.
  const bytesPerSecond = waitingFor ? undefined : session.bytesPerSecond;
  const lines: string[] = [];
  if (current) lines.push(describeCurrent(current, bytesPerSecond, columns));
  if (total && total.entries > 1) {
    const label = `${session.ended} of ${total.entries} done`;
    const secondsLeft = waitingFor ? undefined : session.secondsLeft;
    lines.push(drawBar({ label, bytes: session.bytes, size: total.bytes, bytesPerSecond, secondsLeft }, columns));
  }
  if (waitingFor) lines.push(cutWidth(describeWaiting(waitingFor), columns));
  else if (session.limitedBy) lines.push(cutWidth(`limited by: ${session.limitedBy}`, columns));
  return lines;
}

function describeCounting({ entries, bytes }: Totals): string {
  if (entries === 0) return 'counting …';
  return `counting: ${entries.toLocaleString('en-US')} files and folders, ${formatBytes(bytes)}`;
}

/** `waiting for the receiver's disk` */
export function describeWaiting(what: Limit): string {
  return `waiting for the ${what.replace(/^receiver /, "receiver's ")}`;
}

/** What is only read to be compared has a bar of its own, because nothing of the file moves meanwhile. */
function describeCurrent(entry: OpenEntry, bytesPerSecond: number | undefined, columns: number): string {
  const { compared, bytes, size, path } = entry;
  const name = escapeText(path);
  if (!compared) return drawBar({ label: name, bytes, size, bytesPerSecond }, columns);
  const label = bytes > 0 ? `reading ${name} again` : `comparing ${name}`;
  return drawBar({ label, bytes: compared.bytes, size: compared.of, bytesPerSecond: undefined }, columns);
}

/** The bars of `ftx receive`: one for each sender, `maxLines` at most. */
export function describeReceive(sessions: readonly SessionProgress[], columns: number, maxLines: number): string[] {
  if (sessions.length <= maxLines) return sessions.map((session) => describeSender(session, columns));
  const shown = sessions.slice(0, maxLines - 1).map((session) => describeSender(session, columns));
  return [...shown, cutWidth(`… and ${sessions.length - shown.length} more`, columns)];
}

function describeSender(session: SessionProgress, columns: number): string {
  const { current, bytesPerSecond } = session;
  const host = escapeText(hostOf(session.peer));
  if (!current) return cutWidth(`${host}  ${session.ended} done`, columns);
  const name = escapeText(current.path);
  const label = columns < NARROW_COLUMNS ? name : `${host}  ${name}`;
  const { bytes, size } = current;
  // All has arrived, and nothing moves any more: the disk has to take what is only in memory.
  if (bytes > 0 && bytes === size && bytesPerSecond === 0)
    return cutWidth(`${fitWidth(label, Math.max(8, columns - WAITING.length - 2))}  ${WAITING}`, columns);
  return drawBar({ label, bytes, size, bytesPerSecond }, columns);
}

/** One line of at most `columns`: `photo.jpg  [=====-----]  50%  4 MiB/s  0:12`. */
export function drawBar({ size, ...given }: Bar, columns: number): string {
  // Never more than all of it, whatever a file has grown by.
  const bar = { ...given, size: size === null ? null : Math.max(size, given.bytes) };
  const tail = columns < NARROW_COLUMNS ? drawNarrowTail(bar) : drawTail(bar, columns >= WIDE_COLUMNS);
  const room = columns - tail.length - 2;
  if (room < 1) return cutWidth(bar.label, columns);
  const labelColumns = Math.min(MAX_LABEL_COLUMNS, Math.floor(room / 2));
  const barColumns = room - labelColumns - 4;
  if (bar.size === null || barColumns < MIN_BAR_COLUMNS) return `${fitWidth(bar.label, room)}  ${tail}`;
  return `${fitWidth(bar.label, labelColumns)}  [${drawGauge(portion(bar), barColumns)}]  ${tail}`;
}

function drawGauge(part: number, columns: number): string {
  const full = Math.floor(part * columns);
  return '='.repeat(full) + '-'.repeat(columns - full);
}

function drawTail(bar: Bar, wide: boolean): string {
  const amount =
    bar.size === null || !wide ? formatBytes(bar.bytes) : `${formatBytes(bar.bytes)} of ${formatBytes(bar.size)}`;
  const left = timeLeft(bar);
  return [
    percent(bar),
    amount.padStart(wide ? 24 : 10),
    rate(bar).padStart(9),
    (wide && left !== '' ? `${left} left` : left).padStart(wide ? 12 : 7),
  ].join('  ');
}

function drawNarrowTail(bar: Bar): string {
  const progress = bar.size === null ? formatBytes(bar.bytes).padStart(10) : percent(bar);
  return `${progress} ${rate(bar).padStart(9)} ${timeLeft(bar).padStart(5)}`;
}

function percent(bar: Bar): string {
  return bar.size === null ? '    ' : `${Math.floor(portion(bar) * 100)}%`.padStart(4);
}

function portion({ bytes, size }: Bar): number {
  if (size === null || size === 0) return 1;
  return Math.min(1, Math.max(0, bytes / size));
}

function rate({ bytesPerSecond }: Bar): string {
  return bytesPerSecond === undefined ? '' : formatRate(bytesPerSecond);
}

function timeLeft(bar: Bar): string {
  const { bytes, size, bytesPerSecond, secondsLeft } = bar;
  if ('secondsLeft' in bar) return secondsLeft === undefined ? '' : formatTimeLeft(secondsLeft);
  if (size === null || bytesPerSecond === undefined || bytesPerSecond <= 0) return '';
  return formatTimeLeft(Math.max(0, size - bytes) / bytesPerSecond);
}
