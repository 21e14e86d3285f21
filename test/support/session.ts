/** Sessions over a memory pair. */
import { createSha256 } from '../../src/client/sha256.js';
import type { Bringer } from '../../src/core/inbox.js';
import type { Connection } from '../../src/core/connection.js';
import type { Source } from '../../src/core/source.js';
import type { TransferEvent } from '../../src/core/events.js';
import { createChannel, type Channel } from '../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS, type Timeouts } from '../../src/protocol/constants.js';
import type { ReceiverLimits } from '../../src/protocol/messages.js';
import { createBlockPool } from '../../src/session/receive/block-pool.js';
import { receiveSession } from '../../src/session/receive/receiver.js';
import { greetReceiver } from '../../src/session/send/greet.js';
import { sendSession } from '../../src/session/send/sender.js';
import { createTally, finishTally, type SessionResult } from '../../src/session/tally.js';
import type { FtxError } from '../../src/core/errors.js';
import { connectionPair } from './memory-connection.js';
import { createMemorySink, type MemorySink } from './memory-sink.js';

export const POOL_BLOCKS = 4;
/** One for all runs: memory for WebAssembly comes back late. */
export const pool = createBlockPool(POOL_BLOCKS);
const LIMITS = { offers: 4, size: 2 ** 40 };

export interface ReceiverRun {
  readonly sink: MemorySink;
  readonly events: TransferEvent[];
  readonly result: Promise<SessionResult>;
  readonly stop: AbortController;
}

/** A receiver session over its end of a pair. */
export function runReceiver(
  connection: Connection,
  sink = createMemorySink(),
  timeouts = DEFAULT_TIMEOUTS,
  limits: ReceiverLimits = LIMITS,
  bringer: Bringer = { kind: 'none', address: '192.0.2.1' },
  onUse?: () => void,
  busyMs?: () => number,
): ReceiverRun {
  const events: TransferEvent[] = [];
  const stop = new AbortController();
  const result = receiveSession(connection, {
    session: 1,
    bringer,
    sink,
    pool,
    limits,
    timeouts,
    signal: stop.signal,
    busyMs,
    onEvent: (event) => events.push(event),
    onUse,
  });
  return { sink, events, result, stop };
}

export interface SenderRun {
  readonly events: TransferEvent[];
  readonly stop: AbortController;
  /** The result, or the FtxError that ended the session. */
  readonly result: Promise<SessionResult | FtxError>;
}

export function runSender(
  connection: Connection,
  sources: Iterable<Source>,
  timeouts: Timeouts = DEFAULT_TIMEOUTS,
  dryRun = false,
  busyMs?: () => number,
): SenderRun {
  const events: TransferEvent[] = [];
  const stop = new AbortController();
  const tally = createTally(1, (event) => events.push(event));
  const { signal } = stop;
  const result = greetReceiver(connection, { timeouts, signal })
    .then((greeted) => {
      const options = { tally, timeouts, createSha256, busyMs, signal, dryRun };
      return sendSession(greeted, () => toAsync(sources), options);
    })
    .then(
      () => finishTally(tally),
      (error: unknown) => error as FtxError,
    );
  return { events, stop, result };
}

async function* toAsync(sources: Iterable<Source>): AsyncGenerator<Source> {
  await Promise.resolve();
  yield* sources;
}

/** Both sides, to the end; `tamper` may change or drop what the sender writes. */
export async function transfer(
  sources: Iterable<Source>,
  sink?: MemorySink,
  tamper?: (part: Uint8Array) => readonly Uint8Array[],
) {
  const [left, right] = connectionPair();
  const sender = runSender(tamper ? tamperWith(left, tamper) : left, sources);
  const receiver = runReceiver(right, sink);
  return { sent: await sender.result, received: await receiver.result, sender, receiver, sink: receiver.sink };
}

export function tamperWith(connection: Connection, tamper: (part: Uint8Array) => readonly Uint8Array[]): Connection {
  return {
    address: connection.address,
    read: () => connection.read(),
    readInto: (target, onBytes) => connection.readInto(target, onBytes),
    write: (parts) => connection.write(parts.flatMap((part) => tamper(Uint8Array.from(part)))),
    end: () => connection.end(),
    destroy: (reason) => connection.destroy(reason),
  };
}

/** A peer that the test plays by hand, greeted already. */
export async function greetAs(
  role: 'sender' | 'receiver',
  connection: Connection,
  limits = LIMITS,
  capabilities: readonly string[] = [],
): Promise<Channel> {
  const channel = createChannel(connection, DEFAULT_TIMEOUTS);
  const hello = { agent: 'test', capabilities };
  await channel.greet(role === 'sender' ? hello : { ...hello, limits });
  return channel;
}
