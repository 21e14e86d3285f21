/** What a channel has to say, on its way out: back-pressure, deadlines, and a ping when there is nothing. */
import type { Connection } from '../core/connection.js';
import { defer } from '../core/defer.js';
import { encodeControl, encodeDataHead } from './codec.js';
import type { ControlMessage, DataMessage } from './messages.js';
import { slowestMs } from './pace.js';
import { createHeartbeat, within, type Heartbeat } from './watch.js';

/** Bytes that may wait to be sent before send() waits for them to go out. */
const MAX_UNSENT_BYTES = 256 * 1024;
/** Copying a block up to this takes less than writing it by itself. */
const SMALL_BLOCK_BYTES = 16 * 1024;
const DONE = Promise.resolve();

export interface FrameWriter {
  readonly pings: Heartbeat;
  readonly write: (parts: readonly Uint8Array[]) => Promise<void>;
  readonly send: (message: ControlMessage) => Promise<void>;
  readonly drain: () => Promise<void>;
  readonly sendBlock: (head: DataMessage, block: Uint8Array) => Promise<void>;
  /** Writes what is still to be said in this turn of the event loop. */
  readonly flush: () => Promise<void>;
}

/** What is said at intervals goes past the watch: talking to a dead peer is no sign that it lives. */
export function createFrameWriter(raw: Connection, watched: Connection, idleMs: number): FrameWriter {
  const queue = createQueue();
  /** Control bytes and small blocks, with those in the queue. */
  let unsent = 0;
  let lastSent: Promise<void> = Promise.resolve();
  let lastBlock: Promise<void> = Promise.resolve();
  // A peer that reads nothing must not have them pile up.
  const pings = createPings(raw, () => unsent === 0);

  /** The queue, and then the parts. */
  function write(parts: readonly Uint8Array[] = []): Promise<void> {
    const queued = queue.take();
    pings.postpone();
    return note(watched.write(queued.length > 0 ? [queued, ...parts] : parts), queued.length);
  }

  function note(sent: Promise<void>, bytes: number): Promise<void> {
    lastSent = sent.then(() => void (unsent -= bytes));
    lastSent.catch(ignore);
    return sent;
  }

  function enqueue(frame: Uint8Array): void {
    unsent += frame.length;
    if (queue.add(frame) === 1) defer(() => void flush());
  }

  /** Resolves when all that was said before has gone out. */
  function flush(): Promise<void> {
    if (!queue.isEmpty()) write().catch(ignore);
    return lastSent;
  }

  function send(message: ControlMessage): Promise<void> {
    const frame = encodeControl(message);
    if (message.type === 'status') {
      unsent += frame.length;
      void note(raw.write([frame]), frame.length);
    } else enqueue(frame);
    return unsent > MAX_UNSENT_BYTES ? flush() : DONE;
  }

  async function drain(): Promise<void> {
    while (unsent > MAX_UNSENT_BYTES) await flush();
  }

  function sendBlock(head: DataMessage, block: Uint8Array): Promise<void> {
    if (block.length > SMALL_BLOCK_BYTES) return inTime(write([encodeDataHead(head), block]), block.length);
    enqueue(joinBytes([encodeDataHead(head), block]));
    return unsent > MAX_UNSENT_BYTES ? inTime(flush(), unsent) : DONE;
  }

  /** Blocks go out in order: the time of one begins when the one before it has gone. */
  function inTime(sent: Promise<void>, bytes: number): Promise<void> {
    sent.catch(ignore);
    const limitMs = slowestMs(bytes, idleMs);
    lastBlock = lastBlock.then(ignore, ignore).then(() => within(limitMs, raw, 'take a block', sent));
    return lastBlock;
  }

  return { pings, write, send, drain, sendBlock, flush };
}

function createPings(connection: Connection, isQuiet: () => boolean): Heartbeat {
  let pinging = false;
  return createHeartbeat(() => {
    if (pinging || !isQuiet()) return;
    pinging = true;
    connection.write([encodeControl({ type: 'ping', id: 0 })]).then(() => (pinging = false), ignore);
  });
}

interface Queue {
  /** Returns how many there are now. */
  add(frame: Uint8Array): number;
  /** All of them as one, and begins anew. */
  take(): Uint8Array;
  isEmpty(): boolean;
}

/** Small frames of one turn of the event loop, which go out together. */
function createQueue(): Queue {
  let frames: Uint8Array[] = [];
  return {
    add: (frame) => frames.push(frame),
    isEmpty: () => frames.length === 0,
    take() {
      const all = joinBytes(frames);
      frames = [];
      return all;
    },
  };
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    all.set(part, end);
    end += part.length;
  }
  return all;
}

function ignore(): void {
  // Who waits for it hears of it.
}
