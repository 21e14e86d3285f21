/** `ftx parts`: shows the transfers that broke off and can go on, or drops what has arrived of them. */
import { formatBytes } from '../../core/bytes.js';
import { isFingerprint, spellFingerprint } from '../../core/fingerprint.js';
import { dropParts, listParts, type LeftPart } from '../../mailbox/receive.js';
import { escapeText, toJsonLine } from '../screen/escape.js';
import { EXIT } from '../exit-codes.js';
import type { CliIo } from '../screen/io.js';

export interface PartsArguments {
  readonly dir: string;
  /** The ID of a transfer, or `all`. */
  readonly drop?: string;
  readonly json?: boolean | undefined;
}

/** Writes one line for each transfer to standard output. Throws FtxError `not-found`. */
export async function runParts(args: PartsArguments, io: CliIo): Promise<number> {
  return args.drop === undefined ? list(args, io) : drop(args, args.drop, io);
}

async function list({ dir, json }: PartsArguments, io: CliIo): Promise<number> {
  let count = 0;
  for await (const part of listParts(dir)) {
    count += 1;
    io.stdout.write(json ? toLine('part', part) : `${describePart(part)}\n`);
  }
  if (count === 0 && !json) io.stdout.write(`${describeNone(dir)}\n`);
  return EXIT.ok;
}

async function drop({ dir, json }: PartsArguments, id: string, io: CliIo): Promise<number> {
  let count = 0;
  let isBusy = false;
  for await (const part of dropParts(dir, id)) {
    count += 1;
    isBusy ||= part.inUse;
    io.stdout.write(json ? toLine(part.inUse ? 'part' : 'dropped', part) : `${describeDrop(part)}\n`);
  }
  if (count === 0 && !json) io.stdout.write(`${describeNone(dir)}\n`);
  // Of all of them, those that are in use are not meant.
  return isBusy && id !== 'all' ? EXIT.tryAgain : EXIT.ok;
}

function toLine(type: 'part' | 'dropped', part: LeftPart): string {
  return `${toJsonLine({ type, ...part })}\n`;
}

function describeNone(dir: string): string {
  return `No transfer into ${escapeText(dir)} has broken off.`;
}

/** `1f0c5e2a9b3d4c7e  film.mp4  45% of 2 GiB  from 192.0.2.7  3 h ago` */
export function describePart({ id, path, peer, size, bytes, ageSeconds, inUse }: LeftPart): string {
  const percent = size === 0 ? 100 : Math.floor((100 * bytes) / size);
  const columns = [
    escapeText(id),
    escapeText(path),
    `${percent}% of ${formatBytes(size)}`,
    `from ${isFingerprint(peer) ? spellFingerprint(peer) : escapeText(peer)}`,
    inUse ? 'in use' : formatAge(ageSeconds),
  ];
  return columns.join('  ');
}

function describeDrop({ id, path, bytes, inUse }: LeftPart): string {
  if (inUse) return `left ${escapeText(path)} (${escapeText(id)}): it is in use, a session is receiving it`;
  return `dropped ${escapeText(path)} (${escapeText(id)}): ${formatBytes(bytes)} had arrived`;
}

function formatAge(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s ago`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h ago` : `${Math.floor(seconds / 86_400)} days ago`;
}
