/** The receiver's side of a session, in the order of PROTOCOL.md section 4. */
import { abortReason, FtxError, toFtxError } from '../../core/errors.js';
import type { Connection } from '../../core/connection.js';
import type { EventListener } from '../../core/events.js';
import type { Sink } from '../../core/sink.js';
import { createChannel, sayAndDestroy, type Channel } from '../../protocol/channel.js';
import {
  CHECK_CAPABILITY,
  PAIR_CAPABILITY,
  STATUS_CAPABILITY,
  STATUS_INTERVAL_MS,
  type Timeouts,
} from '../../protocol/constants.js';
import type { Message, ReceiverLimits } from '../../protocol/messages.js';
import { timeoutError } from '../../protocol/watch.js';
import { VERSION } from '../../core/version.js';
import type { BlockPool } from './block-pool.js';
import { IncomingEntries } from './incoming-entries.js';
import { IncomingList } from './incoming-list.js';
import { createReceiverWatch, type ReceiverWatch } from '../shares.js';
import { createTally, finishTally, type SessionResult, type Tally } from '../tally.js';

export interface ReceiverSessionOptions {
  /** Numbers the session in its events. */
  readonly session: number;
  readonly sink: Sink;
  readonly pool: BlockPool;
  readonly limits: ReceiverLimits;
  readonly timeouts: Timeouts;
  /** Ends the session; the sender is told the reason. */
  readonly signal: AbortSignal;
  readonly onEvent?: EventListener | undefined;
  /** Called now and then while the sender has to wait for what this side does. */
  readonly onWork?: (() => void) | undefined;
  /** For a sender that is not known: comes after the greeting, and decides whether the session goes on. */
  readonly pair?: ((channel: Channel) => Promise<boolean>) | undefined;
  /** The sender has begun to say what it has. */
  readonly onList?: (() => void) | undefined;
}

/** Serves one sender to its goodbye. Never rejects: what went wrong is in the events and the result. */
export async function receiveSession(connection: Connection, options: ReceiverSessionOptions): Promise<SessionResult> {
  const { sink, pool, limits, signal, onWork } = options;
  const tally = createTally(options.session, options.onEvent);
  const channel = createChannel(connection, options.timeouts);
  const watch = createReceiverWatch();
  const entries = new IncomingEntries({ channel, sink, pool, tally, watch, maxOpen: limits.offers, onWork });
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
    if (entries.openCount === 0)
      tally.emit({ type: 'failed', path: null, code: failure.code, message: failure.message });
    await entries.close(failure);
  } finally {
    signal.removeEventListener('abort', abort);
    list.close();
    tally.setShares(null, watch.total());
  }
  return finishTally(tally);
}

interface Session extends Pick<ReceiverSessionOptions, 'sink' | 'limits' | 'timeouts' | 'onList' | 'pair'> {
  readonly channel: Channel;
  readonly entries: IncomingEntries;
  readonly list: IncomingList;
  readonly tally: Tally;
  readonly watch: ReceiverWatch;
}

async function serve(session: Session): Promise<void> {
  const { channel, entries, sink, tally, watch, limits, timeouts, pair } = session;
  // What has no limit here still has to be a number on the wire.
  const size = Math.floor(Math.min(limits.size, Number.MAX_SAFE_INTEGER));
  const capabilities = pair ? [CHECK_CAPABILITY, PAIR_CAPABILITY] : [CHECK_CAPABILITY];
  const hello = await channel.greet({ agent: `ftx/${VERSION}`, capabilities, limits: { ...limits, size } });
  if (pair && !(await pair(channel))) return;
  tally.emit({ type: 'connected', peer: channel.peer, protocol: 'ftx/1' });
  const reports = hello.capabilities.includes(STATUS_CAPABILITY) ? startReports(channel, entries, watch) : undefined;
  const patience = startPatience(channel, entries, timeouts.offerMs);
  try {
    await takeMessages(session, patience.renew);
  } finally {
    clearInterval(reports);
    patience.stop();
  }
  // Commits go on by themselves; the sender has nothing more to say to them.
  await entries.whenIdle();
  if (entries.openCount > 0) throw new FtxError('protocol', `${channel.peer} said goodbye before everything was sent.`);
  sink.finish();
  await channel.send({ type: 'goodbye', id: 0 });
}

/** Until the sender's goodbye, or the end of the connection. */
async function takeMessages(session: Session, onMessage: () => void): Promise<void> {
  const { channel, entries, watch } = session;
  for (;;) {
    watch.enter('network');
    await channel.drain();
    const message = await channel.receive();
    onMessage();
    watch.enter('cpu');
    if (message === undefined && entries.openCount > 0)
      throw new FtxError('lost', `${channel.peer} left before everything was stored.`);
    if (message === undefined || message.type === 'goodbye') return;
    await handle(session, message);
  }
}

/** Ends a session in which nothing is open and nothing is offered, however well it pings. */
function startPatience(channel: Channel, entries: IncomingEntries, offerMs: number) {
  let since = performance.now();
  const renew = () => void (since = performance.now());
  const timer = setInterval(() => {
    if (entries.openCount > 0) renew();
    else if (performance.now() - since >= offerMs) channel.destroy(timeoutError(channel, 'offer anything', offerMs));
  }, offerMs / 4);
  return { renew, stop: () => clearInterval(timer) };
}

function startReports(channel: Channel, entries: IncomingEntries, watch: ReceiverWatch): NodeJS.Timeout {
  return setInterval(() => {
    if (entries.openCount === 0) return;
    channel.send({ type: 'status', id: 0, shares: watch.lap() }).catch(() => undefined);
  }, STATUS_INTERVAL_MS);
}

async function handle({ entries, list, onList }: Session, message: Message): Promise<void> {
  switch (message.type) {
    case 'check':
      onList?.();
      return list.take(message);
    case 'offer':
      list.finish();
      return entries.receiveOffer(message.id, message.entry);
    case 'data':
      return entries.receiveBlock(message);
    case 'end':
      return entries.receiveEnd(message.id, message);
    case 'error': {
      const error = new FtxError(message.code, message.message);
      if (message.id === 0) throw error;
      return entries.receiveError(message.id, error);
    }
    default:
      throw new FtxError('protocol', `The peer sent a ${message.type} message, which a sender does not send.`);
  }
}
