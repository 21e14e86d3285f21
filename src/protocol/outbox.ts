/** What a channel has to say, on its way out: back-pressure, deadlines, and a ping when there is nothing. */
import type { Connection } from '../ports.js';
import { encodeControl, encodeDataHead } from './codec.js';
import type { ControlMessage, DataMessage } from './messages.js';
import { slowestMs } from './pace.js';
import { createHeartbeat, within, type Heartbeat } from './watch.js';

/** Control bytes that may wait to be sent before send() waits for them to go out. */
const MAX_UNSENT_BYTES = 256 * 1024;

export interface Outbox {
  readonly pings: Heartbeat;
  readonly write: (parts: readonly Uint8Array[]) => Promise<void>;
  readonly send: (message: ControlMessage) => Promise<void>;
  readonly drain: () => Promise<void>;
  readonly sendBlock: (head: DataMessage, block: Uint8Array) => Promise<void>;
}

/** What is said at intervals goes past the watch: talking to a dead peer is no sign that it lives. */
export function createOutbox(raw: Connection, watched: Connection, idleMs: number): Outbox {
  let unsent = 0;
  let lastSent: Promise<void> = Promise.resolve();
  let lastBlock: Promise<void> = Promise.resolve();
  let pinging = false;
  const pings = createHeartbeat(() => {
    // A peer that reads nothing must not have them pile up.
    if (unsent > 0 || pinging) return;
    pinging = true;
    raw.write([encodeControl({ type: 'ping', id: 0 })]).then(() => (pinging = false), ignore);
  });

  function write(parts: readonly Uint8Array[]): Promise<void> {
    pings.postpone();
    return watched.write(parts);
  }

  function send(message: ControlMessage): Promise<void> {
    const frame = encodeControl(message);
    unsent += frame.length;
    lastSent = (message.type === 'status' ? raw.write([frame]) : write([frame])).then(() => {
      unsent -= frame.length;
    });
    lastSent.catch(ignore);
    return unsent > MAX_UNSENT_BYTES ? lastSent : Promise.resolve();
  }

  async function drain(): Promise<void> {
    while (unsent > MAX_UNSENT_BYTES) await lastSent;
  }

  /** Blocks go out in order: the time of one begins when the one before it has gone. */
  function sendBlock(head: DataMessage, block: Uint8Array): Promise<void> {
    const sent = write([encodeDataHead(head), block]);
    sent.catch(ignore);
    const limitMs = slowestMs(block.length, idleMs);
    lastBlock = lastBlock.then(ignore, ignore).then(() => within(limitMs, raw, 'take a block', sent));
    return lastBlock;
  }

  return { pings, write, send, drain, sendBlock };
}

function ignore(): void {
  // Who waits for it hears of it.
}
