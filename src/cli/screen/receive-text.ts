/** The sentences of `ftx receive`. */
import { formatBytes } from '../../core/bytes.js';
import { DEFAULT_CODE_MS } from '../../core/defaults.js';
import type { ConflictPolicy } from '../../core/inbox.js';
import { spellFingerprint } from '../../core/fingerprint.js';
import type { EntryKind } from '../../core/entry.js';
import type { TransferEvent } from '../../core/events.js';
import { formatTarget, hostOf } from '../../core/address.js';
import { escapeText } from './escape.js';
import { formatCount, formatTransfer } from './format.js';
import type { Arrived } from './arrived.js';
import type { LeftOut } from './budgets.js';
import { createMoved } from './moved.js';
import { createLosses, showName, type Losses } from './losses.js';

type Listening = Extract<TransferEvent, { type: 'listening' }>;
type Stored = Extract<TransferEvent, { type: 'stored' }>;

export interface ReceiveLine {
  readonly line: string;
  readonly isFailure: boolean;
  /** Whether a sender can have it written as often as it likes, and has to send little more than the line itself. */
  readonly isCheap: boolean;
}

/** What `ftx receive` says on stderr about each event; undefined where it says nothing. */
export type ReceiveText = (event: TransferEvent) => ReceiveLine | undefined;

/** Of each session, so many lines of what was there already. */
const MAX_ALREADY = 10;

const info = (line: string) => ({ line, isFailure: false, isCheap: false });
const cheap = (line: string) => ({ line, isFailure: false, isCheap: true });
const failure = (line: string) => ({ line: `ftx: ${line}`, isFailure: true, isCheap: false });
const cheapFailure = (line: string) => ({ ...failure(line), isCheap: true });

export function createReceiveText(onConflict: ConflictPolicy, tally: Arrived): ReceiveText {
  const peers = new Map<number, string>();
  const from = (session: number) => {
    const peer = peers.get(session);
    return peer ? ` from ${escapeText(hostOf(peer))}` : '';
  };
  const losses = createLossText(from);
  const repeats = createRepeats(from);
  const moved = createMoved();
  return (event) => {
    const kind = tally.apply(event);
    const movedBytes = moved.note(event);
    switch (event.type) {
      case 'listening':
        return info(describeMailbox(event, onConflict));
      case 'connected':
        return void peers.set(event.session, event.peer);
      case 'stored':
        if (kind === 'directory' || (event.already && !repeats.tell(event.session))) return undefined;
        return (event.already ? cheap : info)(describeStored(event, kind, movedBytes) + from(event.session));
      case 'refused':
      case 'failed': {
        const line = losses.tell(event);
        return line ? cheapFailure(line) : undefined;
      }
      case 'paired':
        return info(
          `paired with ${escapeText(hostOf(event.peer))}: ${spellFingerprint(event.identity)} (${event.identity}) gets in from now on; the code is used up`,
        );
      case 'code':
        return failure(
          `${CODE_ENDS[event.state]} Known senders still get in. For a new code, stop this receiver and start it again with --pair.`,
        );
      case 'done': {
        const [lost, repeated] = [losses.end(event.session), repeats.end(event.session)];
        peers.delete(event.session);
        if (!lost) return repeated ? cheap(repeated) : undefined;
        return cheapFailure(repeated ? `${lost}\n${repeated}` : lost);
      }
      case 'checked':
        return event.dryRun ? cheap(describeDryRun(event, from(event.session))) : undefined;
      default:
        return undefined;
    }
  };
}

/** The lines of what is not stored, of each session apart. */
function createLossText(from: (session: number) => string) {
  const losses = new Map<number, Losses>();

  function tell(event: Extract<TransferEvent, { type: 'refused' | 'failed' }>): string | undefined {
    const { type, session, path, message } = event;
    if (path === null) return `a session${from(session)} failed: ${escapeText(message)}`;
    const ofSession = losses.get(session) ?? createLosses();
    losses.set(session, ofSession);
    const told = ofSession.tell({ ...event, path });
    if (!told) return undefined;
    return type === 'refused'
      ? `refused ${told.what}${from(session)}: ${told.why}`
      : `${told.what}${from(session)} failed: ${told.why}`;
  }

  function end(session: number): string | undefined {
    const more = losses.get(session)?.more() ?? [];
    losses.delete(session);
    return more.length === 0 ? undefined : more.map((sentence) => `${sentence}${from(session)}`).join('\nftx: ');
  }

  return { tell, end };
}

/** Of each session, how much was there already. */
function createRepeats(from: (session: number) => string) {
  const counts = new Map<number, number>();
  return {
    /** Whether one more gets a line. */
    tell(session: number): boolean {
      const count = (counts.get(session) ?? 0) + 1;
      counts.set(session, count);
      return count <= MAX_ALREADY;
    },
    /** The sum of those without a line. */
    end(session: number): string | undefined {
      const more = (counts.get(session) ?? 0) - MAX_ALREADY;
      counts.delete(session);
      return more > 0 ? `and ${more.toLocaleString('en-US')} more were already there${from(session)}` : undefined;
    },
  };
}

/** `and 1,990 more lines about strangers were left out, from 192.0.2.7` */
export function describeLeftOut({ count, networks, areMore }: LeftOut): string {
  const what = count === 1 ? '1 more line' : `${count.toLocaleString('en-US')} more lines`;
  const others = areMore ? ' and others' : '';
  return `ftx: and ${what} about senders that are not known ${count === 1 ? 'was' : 'were'} left out: from ${networks.join(', ')}${others}`;
}

/** A dry run stores nothing, so this line is its only trace. */
function describeDryRun({ entries, bytes }: { entries: number; bytes: number }, from: string): string {
  return `dry run${from}: asked about ${formatCount(entries, 'entry', 'entries')} (${formatBytes(bytes)}), nothing was sent`;
}

/** `stored photo.jpg as photo (1).jpg (1.2 MiB in 0.3 s, 4 MiB/s)` */
export function describeStored(event: Stored, kind: EntryKind, moved: number): string {
  const path = showName(event.path);
  const as = event.as === event.path ? '' : ` as ${showName(event.as)}`;
  if (kind === 'symlink') return `stored link ${path}${as}${describeLink(event)}`;
  const how = event.already
    ? `${formatBytes(event.size)}, already there`
    : formatTransfer(event.size, event.seconds, moved);
  return `stored ${path}${as} (${how}${event.durable ? '' : ', not synchronised'})`;
}

function describeLink({ already, durable }: Stored): string {
  const how = [...(already ? ['already there'] : []), ...(durable ? [] : ['not synchronised'])];
  return how.length === 0 ? '' : ` (${how.join(', ')})`;
}

const OPEN_TO: Record<ConflictPolicy, string> = {
  rename: 'can drop files in, none can read, list or overwrite',
  skip: 'can drop files in, none can read, list or overwrite',
  fail: 'can drop files in, none can read, list or overwrite',
  overwrite: 'can drop files in and replace those that are there, none can read or list',
};

const CODE_ENDS = {
  burned: 'the code is burned: three tries have failed.',
  expired: 'the code is gone: nobody has used it in time.',
} as const;

export function describeCode(code: string): string {
  return `code: ${code} (for one new sender, once, within ${DEFAULT_CODE_MS / 60_000} minutes and three tries)`;
}

/** The first lines: where files go, who may send, and what to type on the other machine. */
export function describeMailbox(event: Listening, onConflict: ConflictPolicy): string {
  const { dir, port, addresses, identity, access } = event;
  const plain = identity === null;
  const option = plain ? ' --plain' : access === 'pair' ? ' --pair' : '';
  return [
    `receiving into ${escapeText(dir)} on port ${port}`,
    describeAccess(event, OPEN_TO[onConflict]),
    plain
      ? 'plain: nothing is encrypted and nobody can be sure who receives; use this on networks you trust only'
      : `encrypted: the identity of this receiver is ${spellFingerprint(identity)}`,
    'on the other machine:',
    ...addresses.map((address) => `  ftx send FILE --to ${describeTarget(escapeText(address), port)}${option}`),
  ].join('\n');
}

function describeAccess({ access, senders }: Listening, may: string): string {
  if (access === 'open') return `open: anyone who can reach this port ${may}`;
  const known = senders ? `${formatCount(senders, 'sender')} that "ftx peers" shows` : '';
  if (access === 'pair')
    return `pairing: ${known && `the ${known} and `}one new ${known ? 'one' : 'sender'} that gives the code ${may}`;
  return known
    ? `known only: the ${known} ${may}`
    : 'known only: nobody gets in, because no sender is known yet; --pair lets one in';
}

/** An IPv6 address is quoted, because a shell takes its brackets for a pattern. */
function describeTarget(host: string, port: number): string {
  const target = formatTarget({ host, port });
  return target.startsWith('[') ? `"${target}"` : target;
}
