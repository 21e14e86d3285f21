/** The sentences of `ftx send`. */
import { formatBytes } from '../../core/bytes.js';
import { spellFingerprint, type Fingerprint } from '../../core/fingerprint.js';
import { MIN_RESUMABLE_BYTES, type EntryKind } from '../../core/entry.js';
import { isRetried, type FtxError } from '../../core/errors.js';
import type { Summary, TransferEvent } from '../../core/events.js';
import { formatTarget, type Address } from '../../core/address.js';
import { escapeText } from './escape.js';
import { describeLosses, formatRate, formatSeconds } from './format.js';
import { isEnd, type Arrived } from './arrived.js';
import { describeWaiting } from './bar-lines.js';
import { createMoved } from './moved.js';
import { createLosses, showName, type Losses } from './losses.js';

const GOES_ON = 'The same command goes on where it stopped.';
/** The sentence at the end of a message that tells a person to do what the sender does by itself. */
const ADVICE = /(?<=\.) (?:(?:Send|Try)(?: it)? again|Check the )[^.]*\.$/;

/** A shorter transfer is not limited by anything that a user could change. */
const MIN_LIMIT_SECONDS = 1;

/** What `ftx send` says on standard error about its entries, and at its end. */
export interface SendText {
  /** A sentence about the event; undefined for what needs none, such as an entry that is stored. */
  readonly describe: (event: TransferEvent) => string | undefined;
  readonly summarize: (summary: Summary) => string;
  /** At the end: how many entries that were not stored have got no line. */
  readonly describeMore: () => string[];
  /** At the end: how what was refused can be sent all the same. */
  readonly advise: () => string[];
  /** What had arrived when the send was stopped, and whether it can go on: `nothing stored on host. The same command …` */
  readonly describeStop: () => string;
  /** The same for a send that has failed: `2 files stored on host before that`; undefined when nothing has arrived. */
  readonly describeBreak: (failure: FtxError) => string | undefined;
}

export interface SendTextOptions {
  /** Without encryption the receiver does not know the sender again. */
  readonly plain?: boolean | undefined;
}

export function createSendText(to: Address, tally: Arrived, { plain = false }: SendTextOptions = {}): SendText {
  const target = escapeText(formatTarget(to));
  const kept = createKept(plain);
  const losses = createLosses();
  const arrivals = createArrivals(tally);
  const unanswered = createUnanswered();
  const describeArrived = () => `${tally.describe()} stored on ${target}`;

  function summarize(result: Summary): string {
    const { sent, bytes, seconds } = result;
    if (tally.arrived === 0) return `nothing stored on ${target}${describeLosses(result)}`;
    const names = arrivals.describeNames();
    const where = sent > 0 ? `sent to ${target}, which does not confirm,` : `stored on ${target}${names}`;
    const { moved, already } = arrivals;
    const rate = moved > 0 && seconds > 0 ? ` (${formatRate(moved / seconds)})` : '';
    const what = `${tally.describe()}, ${formatBytes(bytes)} ${where} in ${formatSeconds(seconds)}${rate}`;
    const there = already > 0 ? `, ${already} already there` : '';
    return what + there + describeLosses(result) + describeLimit(result);
  }

  return {
    describe(event) {
      const kind = tally.apply(event);
      kept.note(event, kind);
      arrivals.note(event, kind);
      unanswered.note(event);
      return describeNews(event, target, losses);
    },
    summarize,
    describeMore: () => losses.more().map((sentence) => `ftx: ${sentence}`),
    advise: () => describeWaysOut(losses, target),
    describeStop: () => `${describeArrived()}${unanswered.describe()}.${kept.isSome() ? ` ${GOES_ON}` : ''}`,
    describeBreak(failure) {
      const arrived = tally.arrived > 0 ? `${describeArrived()} before that` : undefined;
      if (!kept.isSome() || !isRetried(failure.code, true)) return arrived;
      return `${arrived ?? 'what has arrived is kept'}. ${GOES_ON}`;
    },
  };
}

function describeNews(event: TransferEvent, target: string, losses: Losses): string | undefined {
  if (event.type === 'refused' || event.type === 'failed') return describeLoss(losses, event);
  if (event.type === 'retrying') return describeRetry(event);
  if (event.type === 'resumed')
    return `going on with ${showName(event.path)} where it stopped, at ${formatBytes(event.bytes)}`;
  if (event.type === 'comparing') return describeComparison(event);
  if (event.type === 'waiting') return `${showName(event.path)} is sent: ${describeWaiting(event.for)}`;
  if (event.type === 'peer') return describePeer(target, event.identity);
  return event.type === 'paired' ? describePairing(target, event.identity) : undefined;
}

/** How what has arrived has got there: under which names, and how much of it has moved. */
function createArrivals(tally: Arrived) {
  const moved = createMoved();
  const count = { moved: 0, already: 0, renamed: 0 };
  let newName = '';
  return {
    note(event: TransferEvent, kind: EntryKind): void {
      count.moved += moved.note(event);
      if (event.type !== 'stored') return;
      // Folders and links have no content that need not be sent.
      if (event.already && kind === 'file') count.already += 1;
      if (event.as === event.path) return;
      count.renamed += 1;
      newName = event.as;
    },
    get moved() {
      return count.moved;
    },
    get already() {
      return count.already;
    },
    describeNames(): string {
      if (count.renamed === 0) return '';
      return tally.arrived === 1 ? ` as ${showName(newName)}` : ` (${count.renamed} under a new name)`;
    },
  };
}

function describeLoss(losses: Losses, event: Extract<TransferEvent, { type: 'refused' | 'failed' }>) {
  const { type, path } = event;
  const told = path === null ? undefined : losses.tell({ ...event, path });
  return told && `ftx: ${told.what}${type === 'refused' ? ' was refused' : ''}: ${told.why}`;
}

/** How what was refused can be sent all the same. */
function describeWaysOut(losses: Losses, target: string): string[] {
  const archive = `send an archive of them: tar c PATH | ftx send - --name NAME.tar --to ${target}`;
  return [
    ...(losses.has('bad-name') ? [`to send what has such a name, give it another with --name, or ${archive}`] : []),
    ...(losses.has('bad-link') ? [`to send such links, ${archive}; a link that is named itself is followed`] : []),
  ];
}

/** Files of which all was sent, and of which the receiver has said nothing yet: it may have stored them. */
function createUnanswered() {
  const paths = new Set<string>();
  return {
    note(event: TransferEvent): void {
      if (event.type === 'progress' && event.bytes === event.size) paths.add(event.path);
      else if (event.type === 'retrying') paths.clear();
      else if (isEnd(event) && event.path !== null) paths.delete(event.path);
    },
    describe(): string {
      if (paths.size === 0) return '';
      return paths.size === 1
        ? '; 1 file was sent and may be there'
        : `; ${paths.size} files were sent and may be there`;
    },
  };
}

/** What the receiver keeps, so that the same command need not send it again. A classic receiver keeps nothing. */
function createKept(plain: boolean) {
  /** Files that the receiver has in part, and keeps because they are large. */
  const paths = new Set<string>();
  let hasStored = false;
  let isClassic = false;
  return {
    note(event: TransferEvent, kind: EntryKind): void {
      if (event.type === 'connected') isClassic = event.protocol === 'classic';
      else if (event.type === 'progress' || event.type === 'resumed') {
        if (!isClassic && (event.size ?? 0) >= MIN_RESUMABLE_BYTES) paths.add(event.path);
      } else if (isEnd(event) && event.path !== null) paths.delete(event.path);
      // A sender that the receiver does not know again sends whole files again, and they are compared there.
      hasStored ||= event.type === 'stored' && kind === 'file' && !plain;
    },
    isSome: () => paths.size > 0 || hasStored,
  };
}

/** `reading film.mkv again: …` when the comparison of what an earlier session has sent begins. */
function describeComparison({ path, bytes, of }: Extract<TransferEvent, { type: 'comparing' }>): string | undefined {
  if (bytes > 0) return undefined;
  return `reading ${showName(path)} again: ${formatBytes(of)} of it are compared with what the receiver has, because their digests are not known here any more`;
}

function describePeer(target: string, identity: Fingerprint): string {
  return `${target} is new here: it is ${spellFingerprint(identity)} (${identity}), and from now on no other is taken for it`;
}

function describePairing(target: string, identity: Fingerprint): string {
  return `paired with ${target}: it is ${spellFingerprint(identity)} (${identity}), and from now on neither side asks again`;
}

/** What limited the speed; empty for a transfer too short to tell. */
function describeLimit({ seconds, shares }: Summary): string {
  if (seconds < MIN_LIMIT_SECONDS || !shares?.limitedBy) return '';
  return `; limited by: ${shares.limitedBy}`;
}

function describeRetry(event: Extract<TransferEvent, { type: 'retrying' }>): string {
  const { message, attempt, retries, delaySeconds } = event;
  return `ftx: ${escapeText(message.replace(ADVICE, ''))} Trying again in ${delaySeconds} s (${attempt} of ${retries}).`;
}
