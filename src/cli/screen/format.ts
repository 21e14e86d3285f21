/** Sizes, rates, times and counts as people read them. */
import { formatBytes, scaleBytes } from '../../core/bytes.js';
import type { EntryKind } from '../../core/entry.js';

/** The time of a smaller file is mostly that of the queue it waits in, so it is not shown. */
const TIMED_FROM_BYTES = 1024 ** 2;

/** `850 KiB/s`, `4 MiB/s`, `1.3 GiB/s`: at most three digits, because more would only flicker. */
export function formatRate(bytesPerSecond: number): string {
  const [value, unit] = scaleBytes(bytesPerSecond, 999.5);
  const digits = value < 9.95 ? String(Math.round(value * 10) / 10) : String(Math.round(value));
  return `${digits} ${unit}/s`;
}

/** `3 ms`, `0.3 s`, `2 min 05 s`, `1 h 02 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.095) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${twoDigits(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

/** `0:12`, `1:02:03`, `>99 h`. */
export function formatTimeLeft(seconds: number): string {
  const whole = Math.ceil(seconds);
  const hours = Math.floor(whole / 3600);
  if (!(hours < 100)) return '>99 h';
  const minutes = Math.floor(whole / 60) % 60;
  const clock = `${minutes}:${twoDigits(whole % 60)}`;
  return hours === 0 ? clock : `${hours}:${twoDigits(minutes)}:${twoDigits(whole % 60)}`;
}

/** `1 file`, `3 files`. */
export function formatCount(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

const NOUNS: readonly (readonly [EntryKind, string])[] = [
  ['file', 'file'],
  ['directory', 'folder'],
  ['symlink', 'link'],
];

/** `2 files, 1 folder`, or `nothing`. */
export function describeKinds(counts: Readonly<Record<EntryKind, number>>): string {
  const parts = NOUNS.filter(([kind]) => counts[kind] > 0).map(([kind, noun]) => formatCount(counts[kind], noun));
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

/** `1.2 MiB in 0.3 s, 4 MiB/s`, or `9.8 KiB` for a small file. `moved`: bytes that the seconds were spent on. */
export function formatTransfer(bytes: number, seconds: number, moved = bytes): string {
  if (moved < TIMED_FROM_BYTES || seconds <= 0) return formatBytes(bytes);
  return `${formatBytes(bytes)} in ${formatSeconds(seconds)}, ${formatRate(moved / seconds)}`;
}

/** `; 1 refused, 2 failed`, or nothing. */
export function describeLosses({ refused, failed }: { refused: number; failed: number }): string {
  const losses = [...(refused > 0 ? [`${refused} refused`] : []), ...(failed > 0 ? [`${failed} failed`] : [])];
  return losses.length === 0 ? '' : `; ${losses.join(', ')}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
