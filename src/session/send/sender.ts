/**
 * The sender's side of a session, in the order of PROTOCOL.md section 4.
 *
 * First the receiver checks the whole list (outgoing-list.ts). Then three loops
 * run at the same time until every entry is at its end:
 *
 * - offerAll() offers entries, as long as the receiver allows one more open entry. It reads and sends small files
 *   (outgoing-packs.ts) by itself.
 * - readAnswers() gives each answer to the table of open entries
 *   (outgoing-entries.ts), which puts content that the receiver waits for into
 *   the SendQueue.
 * - ContentSender.run() takes content from the queue, and reads and sends it.
 *
 * The first loop and the third wait on the Condition `changed`, which is notified
 * when the table or the queue changes. The first loop that fails ends the
 * others with its reason.
 */
import { formatAddress } from '../../core/address.js';
import { FtxError, toFtxError } from '../../core/errors.js';
import type { Entry } from '../../core/entry.js';
import { createNameList, type NameList } from '../../core/name-list.js';
import type { CreateSha256 } from '../../core/sha256.js';
import type { Source } from '../../core/source.js';
import type { Totals } from '../../core/events.js';
import type { Channel } from '../../protocol/channel.js';
import {
  CHECK_CAPABILITY,
  MAX_OPEN_OFFERS,
  PACKS_CAPABILITY,
  PIN_CAPABILITY,
  ZEROS_CAPABILITY,
  type Timeouts,
} from '../../protocol/constants.js';
import type { Hello, StatusMessage } from '../../protocol/messages.js';
import { within } from '../../protocol/watch.js';
import { withLastWord, type Greeted } from './greet.js';
import { createArrival } from './arrival.js';
import { createCondition } from './condition.js';
import { ContentSender } from './content-sender.js';
import { Movement } from './movement.js';
import { offerAll } from './offer-all.js';
import { OutgoingEntries } from './outgoing-entries.js';
import { OutgoingList } from './outgoing-list.js';
import { OutgoingPacks } from './outgoing-packs.js';
import { SendQueue } from './send-queue.js';
import { createSessionShares, type BusyClock } from '../shares.js';
import type { Tally } from '../tally.js';

export interface SenderSessionOptions {
  /** Where events go and are counted. */
  readonly tally: Tally;
  readonly timeouts: Timeouts;
  /** Makes the hash of a proof. */
  readonly createSha256: CreateSha256;
  /** Tells working from waiting. Without it, what is between two waits counts as work. */
  readonly busyMs?: BusyClock | undefined;
  /** Ends the session. */
  readonly signal: AbortSignal;
  /** Send nothing, and ask what would become of each entry. */
  readonly dryRun?: boolean | undefined;
  /** Whether an entry is to be sent at all; false for what an earlier session has brought to its end. */
  readonly isWanted?: ((entry: Entry) => boolean) | undefined;
  /** Whether an entry of this name has come to its end by now. */
  readonly hasEnded?: ((path: string) => boolean) | undefined;
  /** Where the names of the list are kept. Default: in memory. */
  readonly keepNames?: (() => NameList) | undefined;
  /** Called with the totals of the list, once the receiver has checked it. */
  readonly onCounted?: ((totals: Totals) => void) | undefined;
}

/** Everything that is to be sent. It is called twice if there is more than one source: for the list, and for the contents. */
export type Sources = () => AsyncIterable<Source>;

/**
 * Sends all sources to a receiver that has greeted, waits until each is at its
 * end, and closes the channel. Entries that are refused or fail show in the
 * tally. Throws FtxError when the session as a whole fails.
 */
export function sendSession(greeted: Greeted, sources: Sources, options: SenderSessionOptions): Promise<void> {
  const { channel } = greeted;
  return withLastWord(channel, options.signal, async () => {
    await converse(greeted, sources, options);
    channel.destroy(new FtxError('lost', 'The session is over.'));
  });
}

async function converse({ channel, hello }: Greeted, sources: Sources, options: SenderSessionOptions): Promise<void> {
  const { tally, timeouts, createSha256, busyMs } = options;
  tally.emit({ type: 'connected', peer: formatAddress(channel.address), protocol: 'ftx/1' });
  const sendsZeros = hello.capabilities.includes(ZEROS_CAPABILITY);
  const { accepted, isThere } = await checkAll(
    channel,
    sendsZeros ? sources : () => tellSizesOnly(sources()),
    hello,
    options,
  );
  const changed = createCondition();
  const queue = new SendQueue();
  const shares = createSessionShares(busyMs);
  const maxOpen = Math.min(hello.limits.offers, MAX_OPEN_OFFERS);
  const tellsPins = hello.capabilities.includes(PIN_CAPABILITY);
  const movement = new Movement({ channel, tally, timeouts, shares });
  const entries = new OutgoingEntries({ channel, tally, maxOpen, movement, queue, changed, shares, tellsPins });
  const { watch } = shares;
  const contents = new ContentSender({
    ...{ channel, entries, movement, queue, changed, watch, createSha256, sendsZeros },
  });
  const takesPacks = hello.capabilities.includes(PACKS_CAPABILITY);
  const packs = takesPacks ? new OutgoingPacks({ entries, changed, watch, tellsPins, isThere }) : undefined;
  const deadlines = watchDeadlines(channel, entries, timeouts.controlMs / 4);
  try {
    const arrival = createArrival(channel, timeouts.idleMs);
    const answers = readAnswers(channel, entries, (status) => {
      shares.noteLap(status.shares);
      entries.noteStatus();
      arrival.note(status);
    });
    const sending = contents.run();
    const offers = offerAll(accepted, entries, changed, packs).then(() => channel.send({ type: 'goodbye', id: 0 }));
    const farewell = offers.then(() => within(timeouts.goodbyeMs, channel, 'say goodbye', answers));
    await Promise.all([answers, sending, farewell]);
  } catch (error) {
    const failure = toFtxError(error);
    // The loops that are still waiting end with the same reason.
    entries.fail(failure);
    // A goodbye that is lost takes nothing back: every entry has come to its end before.
    if (!(entries.finished && isLoss(failure))) throw failure;
  } finally {
    clearInterval(deadlines);
    tally.setShares(shares.total());
    await entries.save();
  }
}

function isLoss({ code }: FtxError): boolean {
  return code === 'lost' || code === 'timeout';
}

interface Checked {
  /** The sources that are left to be offered. */
  readonly accepted: AsyncIterable<Source>;
  /** Whether the receiver has said that it has this very entry. */
  readonly isThere: (entry: Entry) => boolean;
}

/** Has the receiver check the list. */
async function checkAll(
  channel: Channel,
  sources: Sources,
  { capabilities }: Hello,
  options: SenderSessionOptions,
): Promise<Checked> {
  const { tally, timeouts, dryRun = false, isWanted = () => true, onCounted, keepNames = createNameList } = options;
  if (!capabilities.includes(CHECK_CAPABILITY)) {
    if (dryRun)
      throw new FtxError(
        'refused',
        `${formatAddress(channel.address)} is an older receiver, which cannot tell what would happen. Update ftx there, or send without a dry run.`,
      );
    return { accepted: filterSources(sources(), isWanted), isThere: () => false };
  }
  const { controlMs: answerMs, storedMs: partMs } = timeouts;
  const tellsPins = capabilities.includes(PACKS_CAPABILITY);
  const list = new OutgoingList({ channel, tally, answerMs, partMs, dryRun, tellsPins, names: keepNames() });
  try {
    const only = await list.check(filterSources(sources(), isWanted));
    onCounted?.(list.totals);
    if (only || dryRun) list.close();
    const isThere = (entry: Entry) => list.isThere(entry);
    if (only || dryRun) return { accepted: toAsync(only ? [only] : []), isThere };
    return { accepted: takeListed(list, filterSources(sources(), isWanted), options), isThere };
  } catch (error) {
    list.close();
    throw error;
  }
}

/** The sources that are in the list, and after them a failure for each name that was listed and is gone. What came later is left out. */
async function* takeListed(
  list: OutgoingList,
  sources: AsyncIterable<Source>,
  { tally, hasEnded = () => false }: SenderSessionOptions,
): AsyncGenerator<Source> {
  try {
    for await (const source of sources) if (list.take(source.entry)) yield source;
    for await (const path of list.left()) {
      const message = `${path}: was renamed or removed after the list was made.`;
      if (!hasEnded(path)) tally.emit({ type: 'failed', path, code: 'changed', message });
    }
  } finally {
    list.close();
  }
}

/** The sources as a receiver gets them that takes no runs of zeros: to it a sparse file is as large as its size. */
async function* tellSizesOnly(sources: AsyncIterable<Source>): AsyncGenerator<Source> {
  for await (const source of sources) {
    const isSparse = source.entry.allocated !== undefined;
    yield isSparse ? { ...source, entry: { ...source.entry, allocated: undefined } } : source;
  }
}

async function* toAsync(sources: readonly Source[]): AsyncGenerator<Source> {
  for (const source of sources) yield await Promise.resolve(source);
}

async function* filterSources(
  sources: AsyncIterable<Source>,
  isWanted: (entry: Entry) => boolean,
): AsyncGenerator<Source> {
  for await (const source of sources) if (isWanted(source.entry)) yield source;
}

/** Gives every answer to the table, until the receiver's goodbye. */
async function readAnswers(
  channel: Channel,
  entries: OutgoingEntries,
  onStatus: (status: StatusMessage) => void,
): Promise<void> {
  for (;;) {
    const message = await channel.receive();
    if (message === undefined)
      throw new FtxError(
        'lost',
        `${formatAddress(channel.address)} closed the connection before everything was stored. Send again.`,
      );
    if (message.type === 'goodbye' && entries.finished) return;
    if (message.type === 'status') onStatus(message);
    else if (message.type === 'error' && message.id === 0) throw new FtxError(message.code, message.message);
    else entries.receive(message);
  }
}

function watchDeadlines(channel: Channel, entries: OutgoingEntries, everyMs: number): ReturnType<typeof setInterval> {
  return setInterval(() => {
    try {
      entries.assertInTime();
    } catch (error) {
      channel.destroy(toFtxError(error));
    }
  }, everyMs);
}
