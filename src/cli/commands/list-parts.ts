/** `ftx receive --list-parts`: the transfers that broke off and can go on. */
import { isFingerprint, spellFingerprint } from '../../core/fingerprint.js';
import { listParts, type LeftPart } from '../../mailbox/receive.js';
import { escapeText, toJsonLine } from '../screen/escape.js';
import { EXIT } from '../exit-codes.js';
import { formatBytes } from '../screen/format.js';
import type { CliIo } from '../screen/io.js';

/** Writes one line for each transfer to standard output. */
export async function runListParts(
  args: { readonly dir: string; readonly json?: boolean },
  io: CliIo,
): Promise<number> {
  let count = 0;
  for await (const part of listParts(args.dir)) {
    count += 1;
    io.stdout.write(args.json ? `${toJsonLine({ type: 'part', ...part })}\n` : `${describePart(part)}\n`);
  }
  if (count === 0 && !args.json) io.stdout.write(`No transfer into ${escapeText(args.dir)} has broken off.\n`);
  return EXIT.ok;
}

/** `film.mp4  45% of 2.0 GB  from 192.0.2.7  3 h ago` */
export function describePart({ path, peer, size, bytes, ageSeconds }: LeftPart): string {
  const percent = size === 0 ? 100 : Math.floor((100 * bytes) / size);
  const columns = [
    escapeText(path),
    `${percent}% of ${formatBytes(size)}`,
    `from ${isFingerprint(peer) ? spellFingerprint(peer) : escapeText(peer)}`,
    formatAge(ageSeconds),
  ];
  return columns.join('  ');
}

function formatAge(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s ago`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h ago` : `${Math.floor(seconds / 86_400)} days ago`;
}
