/** The sentences of `ftx send`. */
import { spellFingerprint, type Fingerprint } from '../../core/fingerprint.js';
import { MIN_RESUMABLE_BYTES } from '../../core/entry.js';
import type { Summary, TransferEvent } from '../../core/events.js';
import { formatTarget, type Address } from '../../core/address.js';
import { escapeText } from './escape.js';
import { describeLosses, formatBytes, formatRate, formatSeconds } from './format.js';
import { isEnd, type Arrived } from './arrived.js';
import { createLosses, showName, type Losses } from './losses.js';

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
  /** What had arrived when the session broke off: `2 files stored on host`. */
  readonly describeArrived: () => string;
  /** The same for a send that was stopped, and whether it can go on: `nothing stored on host. The same command …` */
  readonly describeStop: () => string;
}

export function createSendText(to: Address, tally: Arrived): SendText {
  const target = escapeText(formatTarget(to));
  let newName = '';
  let renamed = 0;
  let already = 0;
  const broken = createBroken();
  const losses = createLosses();

  function describe(event: TransferEvent): string | undefined {
    tally.apply(event);
    broken.note(event);
    if (event.type === 'refused' || event.type === 'failed') return describeLoss(losses, event);
    if (event.type === 'retrying') return describeRetry(event);
    if (event.type === 'resumed')
      return `going on with ${showName(event.path)} where it stopped, at ${formatBytes(event.bytes)}`;
    if (event.type === 'comparing') return describeComparison(event);
    if (event.type === 'peer') return describePeer(target, event.identity);
    if (event.type === 'paired') return describePairing(target, event.identity);
    if (event.type !== 'stored') return undefined;
    if (event.already) already += 1;
    if (event.as !== event.path) {
      renamed += 1;
      newName = event.as;
    }
    return undefined;
  }

  function describeNames(): string {
    if (renamed === 0) return '';
    return tally.arrived === 1 ? ` as ${showName(newName)}` : ` (${renamed} under a new name)`;
  }

  function summarize(result: Summary): string {
    const { sent, bytes, seconds } = result;
    if (tally.arrived === 0) return `nothing stored on ${target}${describeLosses(result)}`;
    const where = sent > 0 ? `sent to ${target}, which does not confirm,` : `stored on ${target}${describeNames()}`;
    const rate = bytes > 0 && seconds > 0 ? ` (${formatRate(bytes / seconds)})` : '';
    const what = `${tally.describe()}, ${formatBytes(bytes)} ${where} in ${formatSeconds(seconds)}${rate}`;
    const there = already > 0 ? `, ${already} already there` : '';
    return what + there + describeLosses(result) + describeLimit(result);
  }

  const describeArrived = () => `${tally.describe()} stored on ${target}`;
  return {
    describe,
    summarize,
    describeMore: () => losses.more().map((sentence) => `ftx: ${sentence}`),
    advise: () => describeWaysOut(losses, target),
    describeArrived,
    describeStop: () => `${describeArrived()}.${broken.isLeft() ? ' The same command goes on where it stopped.' : ''}`,
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

/** Files that the receiver has in part, and keeps because they are large. A classic receiver keeps none. */
function createBroken() {
  const paths = new Set<string>();
  let isClassic = false;
  return {
    note(event: TransferEvent): void {
      if (event.type === 'connected') isClassic = event.protocol === 'classic';
      else if (event.type === 'progress' || event.type === 'resumed') {
        if (!isClassic && (event.size ?? 0) >= MIN_RESUMABLE_BYTES) paths.add(event.path);
      } else if (isEnd(event) && event.path !== null) paths.delete(event.path);
    },
    isLeft: () => paths.size > 0,
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
  return `ftx: ${escapeText(message)} Trying again in ${delaySeconds} s (${attempt} of ${retries}).`;
}
