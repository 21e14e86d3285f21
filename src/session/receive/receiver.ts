/**
 * The receiver's side of a session: the life of one conversation with a sender,
 * in the order of PROTOCOL.md section 4.
 *
 * 1. Greeting and hello. The receiver says how many entries may be open and how
 *    large a file may be. A sender that is not known has to pair then.
 * 2. The list, if the sender sends one. incoming-list.ts asks the sink what would
 *    become of each entry, and answers with the verdicts. Nothing is written.
 * 3. Offers. incoming-entries.ts asks the sink to open each entry. The sink makes
 *    a directory or link at once. For a file it has a part file, which may hold
 *    blocks of an earlier session, or a file of that name and size that is there.
 *    The answer `ready` tells the sender where to start.
 * 4. Blocks. block-intake.ts reads each one into memory of block-pool.ts or in
 *    pieces. incoming-file.ts verifies and writes it, and block-map.ts knows which
 *    blocks are still missing. A damaged block is asked for again.
 * 5. The end of a file. When no block is missing, the digest of the whole is
 *    verified and the part file is committed. A file that was there is compared
 *    instead. The answer `stored` goes out when the file is durable in its place.
 * 6. Packs. pack-intake.ts reads many small files at once, offers and contents, and
 *    incoming-packs.ts has the sink store them together. What cannot be stored so goes
 *    the way of single files from there, with its content in memory.
 * 7. Goodbye. The receiver waits until all commits are over, and says goodbye.
 *
 * One loop, takeMessages(), reads the frames one after the other and never waits
 * for the sink, but for memory, for a bounded number of writes, for a bounded
 * number of commits, and for a bounded time when there is no memory for a pack.
 * What the sink does runs beside it (background.ts): opening up to the agreed
 * number of entries, writing blocks, comparing, committing and storing packs.
 * Directories and links are made one after the other. incoming-entry.ts has the
 * states of an entry, and open-entries.ts holds the entries that are open. Two
 * timers run beside all that: reports of the receiver's shares to the sender, and
 * the patience with a sender that offers nothing.
 *
 * A failure of one entry ends that entry: the sender is told, what has arrived is
 * removed or kept for a later session, and the session goes on. Any other failure
 * ends the session, and with it all entries but those that are being committed.
 */
import { formatAddress } from '../../core/address.js';
import { abortReason, FtxError, isSendersOwn, toFtxError } from '../../core/errors.js';
import type { Connection } from '../../core/connection.js';
import type { EventListener } from '../../core/events.js';
import type { Bringer } from '../../core/inbox.js';
import type { Sink } from '../../core/sink.js';
import { createSlots, type SessionSlots } from '../../core/slots.js';
import { createChannel, sayAndDestroy, type Channel } from '../../protocol/channel.js';
import {
  CHECK_CAPABILITY,
  PACKS_CAPABILITY,
  PAIR_CAPABILITY,
  PIN_CAPABILITY,
  PROOF_CAPABILITY,
  STATUS_CAPABILITY,
  STATUS_INTERVAL_MS,
  ZEROS_CAPABILITY,
  type Timeouts,
} from '../../protocol/constants.js';
import type { Message, ReceiverLimits } from '../../protocol/messages.js';
import { timeoutError } from '../../protocol/watch.js';
import { VERSION } from '../../core/version.js';
import type { BlockPool } from './block-pool.js';
import { IncomingEntries } from './incoming-entries.js';
import { IncomingList } from './incoming-list.js';
import { createReceiverWatch, findLimit, type BusyClock, type ReceiverWatch } from '../shares.js';
import { createTally, finishTally, type SessionResult, type Tally } from '../tally.js';

export interface ReceiverSessionOptions {
  /** Numbers the session in its events. */
  readonly session: number;
  /** Where the entries go. */
  readonly sink: Sink;
  /** Whoever sends. */
  readonly bringer: Bringer;
  /** Whether the owner of the inbox knows the sender, or does once it has paired. Default: no. */
  readonly isKnown?: boolean | undefined;
  /** The memory for blocks, shared with other sessions. */
  readonly pool: BlockPool;
  readonly limits: ReceiverLimits;
  /** Offers beyond them wait, and cost memory only. Default: as many as there are offers. */
  readonly slots?: SessionSlots | undefined;
  readonly timeouts: Timeouts;
  /** Its reason ends the session, and is told to the sender. */
  readonly signal: AbortSignal;
  readonly onEvent?: EventListener | undefined;
  /**
   * Called whenever the sender makes use of its session: with content, offers and lists that are accepted, and while it
   * waits for work of this side. Frames that are thrown away, pings and refused offers are of no use.
   */
  readonly onUse?: (() => void) | undefined;
  /** Tells working from waiting. Without it, what is between two waits counts as work. */
  readonly busyMs?: BusyClock | undefined;
  /** Pairs with a sender that is not known. Called after the greeting; false ends the session. */
  readonly pair?: ((channel: Channel) => Promise<boolean>) | undefined;
  /** Called when the sender sends a list, or a part of it. */
  readonly onList?: (() => void) | undefined;
}

/** Serves one sender up to its goodbye. Never rejects: failures are in the events and in the result. */
export async function receiveSession(connection: Connection, options: ReceiverSessionOptions): Promise<SessionResult> {
  const { sink, bringer, pool, limits, signal, onUse = () => undefined } = options;
  const slots = options.slots ?? createSlots(Infinity).join('');
  const tally = createTally(options.session, options.onEvent);
  const channel = createChannel(connection, options.timeouts);
  const watch = createReceiverWatch(options.busyMs);
  const shared = { channel, sink, bringer, pool, slots, tally, watch, onUse };
  const entries = new IncomingEntries({ ...shared, maxOpen: limits.offers });
  const list = new IncomingList(channel, sink, tally);
  const abort = () => sayAndDestroy(channel, abortReason(signal));
  signal.addEventListener('abort', abort);
  try {
    if (signal.aborted) throw abortReason(signal);
    await serve({ ...options, channel, entries, list, tally, watch });
    channel.destroy(new FtxError('lost', 'The session is over.'));
  } catch (error) {
    const failure = toFtxError(error);
    sayAndDestroy(channel, failure);
    if (isFailureHere(error, list)) {
      if (entries.openCount === 0) {
        const peer = tally.hasEmitted ? {} : { peer: formatAddress(channel.address) };
        tally.emit({ type: 'failed', path: null, code: failure.code, message: failure.message, ...peer });
      }
    } else tally.noteEnd(new FtxError('lost', failure.message));
    await entries.close(failure);
  } finally {
    signal.removeEventListener('abort', abort);
    list.close();
    slots.close();
    const shares = watch.total();
    tally.setShares({ limitedBy: findLimit(null, shares), sender: null, receiver: shares });
  }
  return finishTally(tally);
}

/** What a sender says at the end of a session that it breaks off for a reason of its own. */
class SenderTrouble extends FtxError {}

/** Whether the session has failed: neither the trouble of the sender nor the answer to a dry run is a failure of this side. */
function isFailureHere(error: unknown, list: IncomingList): boolean {
  return !(error instanceof SenderTrouble || list.isAnswer(error));
}

interface Session extends Pick<
  ReceiverSessionOptions,
  'sink' | 'bringer' | 'isKnown' | 'limits' | 'timeouts' | 'onList' | 'onUse' | 'pair'
> {
  readonly channel: Channel;
  readonly entries: IncomingEntries;
  readonly list: IncomingList;
  readonly tally: Tally;
  readonly watch: ReceiverWatch;
}

async function serve(session: Session): Promise<void> {
  const { channel, entries, list, sink, tally, watch, bringer, isKnown, limits, timeouts, pair } = session;
  // A size without a limit is Infinity here, and has to be a number on the wire.
  const size = Math.floor(Math.min(limits.size, Number.MAX_SAFE_INTEGER));
  const capabilities = [CHECK_CAPABILITY, PROOF_CAPABILITY, PIN_CAPABILITY, ZEROS_CAPABILITY, PACKS_CAPABILITY];
  if (pair) capabilities.push(PAIR_CAPABILITY);
  const hello = await channel.greet({ agent: `ftx/${VERSION}`, capabilities, limits: { ...limits, size } });
  entries.takeHello(hello);
  list.takeHello(hello);
  if (pair && !(await pair(channel))) return;
  const who = { ...(bringer.kind === 'key' && { identity: bringer.id }), ...((pair || isKnown) && { known: true }) };
  tally.emit({ type: 'connected', peer: formatAddress(channel.address), protocol: 'ftx/1', ...who });
  const reports = hello.capabilities.includes(STATUS_CAPABILITY) ? startReports(channel, entries, watch) : undefined;
  const patience = startPatience(channel, entries, timeouts.offerMs);
  let isGoodbye: boolean;
  try {
    isGoodbye = await takeMessages(session, patience.renew);
  } finally {
    clearInterval(reports);
    patience.stop();
  }
  // Commits may still run; they need nothing more from the sender.
  await entries.whenIdle();
  if (entries.openCount > 0)
    throw new FtxError('protocol', `${formatAddress(channel.address)} said goodbye before everything was sent.`);
  // Whoever was cut off may still have meant to close the folders that it has made.
  if (isGoodbye) sink.finish();
  await channel.send({ type: 'goodbye', id: 0 });
}

/** Takes messages until the goodbye of the sender, or the end of the connection. Resolves with whether it was a goodbye. */
async function takeMessages(session: Session, onRequest: () => void): Promise<boolean> {
  const { channel, entries, watch } = session;
  for (;;) {
    watch.enter('network');
    await channel.drain();
    const message = await channel.receive();
    watch.enter('cpu');
    if (message === undefined && entries.openCount > 0)
      throw new FtxError('lost', `${formatAddress(channel.address)} left before everything was stored.`);
    if (message === undefined) return false;
    if (message.type === 'goodbye') return true;
    await handle(session, message);
    // Other frames may be about entries that have ended: they ask for nothing, and are thrown away.
    if (message.type === 'check' || message.type === 'offer' || message.type === 'pack') onRequest();
  }
}

/** Ends a session in which nothing is open and nothing is asked for during `offerMs`. */
function startPatience(channel: Channel, entries: IncomingEntries, offerMs: number) {
  let asked = performance.now();
  const timer = setInterval(() => {
    const waitedMs = performance.now() - Math.max(asked, entries.endedAt);
    if (entries.openCount === 0 && waitedMs >= offerMs)
      channel.destroy(timeoutError(channel, 'offer anything', offerMs));
  }, offerMs / 4);
  return { renew: () => void (asked = performance.now()), stop: () => clearInterval(timer) };
}

/** Tells the sender at intervals what the receiver spends its time on, while entries are open, or were a moment ago. */
function startReports(channel: Channel, entries: IncomingEntries, watch: ReceiverWatch): NodeJS.Timeout {
  return setInterval(() => {
    const isIdle = performance.now() - entries.endedAt > STATUS_INTERVAL_MS;
    if (entries.openCount === 0 && isIdle) return;
    channel
      .send({ type: 'status', id: 0, shares: watch.lap(), received: channel.traffic.received })
      .catch(() => undefined);
  }, STATUS_INTERVAL_MS);
}

async function handle({ entries, list, onList, onUse }: Session, message: Message): Promise<void> {
  switch (message.type) {
    case 'check':
      onList?.();
      await list.take(message);
      return onUse?.();
    case 'offer':
      list.assertOver();
      return entries.receiveOffer(message);
    case 'pack':
      list.assertOver();
      return entries.receivePack(message);
    case 'data':
    case 'zeros':
      return entries.receiveBlock(message);
    case 'end':
      return entries.receiveEnd(message.id, message);
    case 'error': {
      const { code, message: text } = message;
      if (message.id === 0) throw new (isSendersOwn(code) ? SenderTrouble : FtxError)(code, text);
      return entries.receiveError(message.id, new FtxError(code, text));
    }
    default:
      throw new FtxError('protocol', `The peer sent a ${message.type} message, which a sender does not send.`);
  }
}
