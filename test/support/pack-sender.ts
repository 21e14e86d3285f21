/** A sender that the test plays against a receiver session, with packs. */
import { onTestFinished } from 'vitest';
import type { Bringer } from '../../src/core/inbox.js';
import type { TransferEvent } from '../../src/core/events.js';
import type { SessionSlots } from '../../src/core/slots.js';
import { createChannel } from '../../src/protocol/channel.js';
import { encodeControl } from '../../src/protocol/codec.js';
import { DEFAULT_TIMEOUTS, GREETING, type Timeouts } from '../../src/protocol/constants.js';
import type { Message } from '../../src/protocol/messages.js';
import type { BlockPool } from '../../src/session/receive/block-pool.js';
import { receiveSession } from '../../src/session/receive/receiver.js';
import { connectionPair, lost } from './memory-connection.js';
import { createMemorySink, type MemorySink } from './memory-sink.js';
import { packFrame, type PackedFile } from './packs.js';

export interface PackSenderOptions {
  readonly sink?: MemorySink;
  readonly pool?: CountingPool;
  readonly offers?: number;
  readonly slots?: SessionSlots;
  readonly bringer?: Bringer;
  readonly transfer?: string | undefined;
  readonly capabilities?: readonly string[];
  readonly timeouts?: Timeouts;
  /** Whether the test writes every byte by itself: the channel sends nothing, and no pings. */
  readonly isRaw?: boolean;
}

export type CountingPool = ReturnType<typeof createCountingPool>;

/** A pool of ordinary memory that counts the blocks that are lent. */
export function createCountingPool(blocks = 4) {
  let lent = 0;
  const pool: BlockPool = {
    take() {
      if (lent === blocks) return undefined;
      lent += 1;
      return { bytes: new Uint8Array(1024 * 1024), release: () => void (lent -= 1) };
    },
  };
  return Object.assign(pool, { lent: () => lent });
}

/** Greets a receiver session as a sender. */
export async function playPackSender(options: PackSenderOptions = {}) {
  const { sink = createMemorySink(), pool = createCountingPool(), offers = 8, slots, transfer, isRaw } = options;
  const { timeouts = DEFAULT_TIMEOUTS } = options;
  const { bringer = { kind: 'none', address: '192.0.2.1' }, capabilities = ['proof', 'pin', 'follow'] } = options;
  const [raw, right] = connectionPair();
  const events: TransferEvent[] = [];
  const stop = new AbortController();
  let uses = 0;
  const result = receiveSession(right, {
    ...{ session: 1, bringer, sink, pool, slots, limits: { offers, size: 2 ** 40 }, timeouts },
    signal: stop.signal,
    onEvent: (event) => events.push(event),
    onUse: () => (uses += 1),
  });
  const channel = createChannel(raw, DEFAULT_TIMEOUTS);
  const own = { agent: 'test', capabilities, transfer };
  const hello = isRaw ? undefined : await channel.greet(own);
  if (isRaw) await raw.write([GREETING, encodeControl({ type: 'hello', id: 0, idleMs: timeouts.idleMs, ...own })]);
  onTestFinished(() => channel.destroy(lost()));

  /** Sends bytes after everything that was said before. */
  async function write(...parts: Uint8Array[]): Promise<void> {
    await new Promise(setImmediate);
    await raw.write(parts);
  }

  /** The answers up to the one of this type, that included. */
  async function answersTo(type: Message['type']): Promise<Message[]> {
    const answers: Message[] = [];
    for (;;) {
      const answer = await channel.receive();
      if (answer === undefined) throw new Error(`The receiver has left without ${type}.`);
      if (answer.type === 'status') continue;
      answers.push(answer);
      if (answer.type === type) return answers;
    }
  }

  async function sayGoodbye() {
    await channel.send({ type: 'goodbye', id: 0 });
    await answersTo('goodbye');
    return result;
  }

  return {
    ...{ raw, channel, hello, sink, pool, events, result, stop, write, answersTo, sayGoodbye },
    uses: () => uses,
    sendPack: (id: number, files: readonly PackedFile[]) => write(packFrame(id, files)),
    eventsOf: (path: string) => events.flatMap((event) => ('path' in event && event.path === path ? [event.type] : [])),
    /** What stands under a path, as text. */
    textOf: (path: string): string | undefined => {
      const entry = sink.entries.get(path);
      return entry?.kind === 'file' ? Buffer.from(entry.content).toString() : undefined;
    },
  };
}
