/**
 * The frames of a channel on their way out. Small frames of one turn of the
 * event loop go out together; a large block goes out by itself, without a copy.
 * A caller that says more than the peer takes has to wait, each block has a
 * deadline, and a ping goes out when nothing else did.
 */
import type { Connection } from '../core/connection.js';
import { defer } from '../core/defer.js';
import { encodeControl, encodeDataHead, encodePackHead, encodeZeros } from './codec.js';
import type { ControlMessage, DataMessage, PackMessage, ZerosMessage } from './messages.js';
import { slowestMs } from './pace.js';
import { createHeartbeat, within, type Heartbeat } from './watch.js';

/** When more bytes than this wait to be sent, send() waits until they are out. */
const MAX_UNSENT_BYTES = 256 * 1024;
/** A block of up to this many bytes is copied into the queue, which takes less time than writing it by itself. */
const SMALL_BLOCK_BYTES = 16 * 1024;
const DONE = Promise.resolve();

export interface FrameWriter {
  /** Starts and stops the pings. */
  readonly pings: Heartbeat;
  /** Writes what is queued and then `parts`. Resolves when their memory may be reused. */
  readonly write: (parts: readonly Uint8Array[]) => Promise<void>;
  /** Queues a message; waits only when too much is queued. */
  readonly send: (message: ControlMessage | ZerosMessage) => Promise<void>;
  /** Waits while too much is queued. */
  readonly drain: () => Promise<void>;
  /** Writes or queues a data frame or a pack. Resolves when the memory of `block` may be reused. */
  readonly sendBlock: (head: DataMessage | PackMessage, block: Uint8Array) => Promise<void>;
  /** Writes what is queued now. Resolves when all that was said before has gone out. */
  readonly flush: () => Promise<void>;
}

/**
 * Writes to the `watched` connection, but for pings and `status`, which go out
 * at intervals and are written to `raw`: a write to a dead peer must not look
 * like a sign of life.
 */
export function createFrameWriter(raw: Connection, watched: Connection, idleMs: number): FrameWriter {
  const queue = createQueue();
  /** Bytes of control frames and small blocks that are not out yet, those in the queue included. */
  let unsent = 0;
  let lastSent: Promise<void> = Promise.resolve();
  let lastBlock: Promise<void> = Promise.resolve();
  // Pings must not pile up before a peer that reads nothing.
  const pings = createPings(raw, () => unsent === 0);

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

  function flush(): Promise<void> {
    if (!queue.isEmpty()) write().catch(ignore);
    return lastSent;
  }

  function send(message: ControlMessage | ZerosMessage): Promise<void> {
    const frame = message.type === 'zeros' ? encodeZeros(message) : encodeControl(message);
    if (message.type === 'status') {
      unsent += frame.length;
      void note(raw.write([frame]), frame.length);
    } else enqueue(frame);
    // A peer can go on talking, and answer what it expects, without reading a word.
    return unsent > MAX_UNSENT_BYTES ? inTime(flush(), unsent) : DONE;
  }

  async function drain(): Promise<void> {
    while (unsent > MAX_UNSENT_BYTES) await flush();
  }

  function sendBlock(head: DataMessage | PackMessage, block: Uint8Array): Promise<void> {
    const frame = [head.type === 'pack' ? encodePackHead(head) : encodeDataHead(head), block];
    if (block.length > SMALL_BLOCK_BYTES) return inTime(write(frame), block.length);
    enqueue(joinBytes(frame));
    return unsent > MAX_UNSENT_BYTES ? inTime(flush(), unsent) : DONE;
  }

  /** Gives a block its deadline. Blocks go out in order: the time of a block begins when the one before is out. */
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
  /** Adds a frame, and returns the number of frames that are queued now. */
  add(frame: Uint8Array): number;
  /** Empties the queue, and returns its frames as one piece. */
  take(): Uint8Array;
  isEmpty(): boolean;
}

/** Small frames that go out together. */
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
  // The promise is also handed to the caller, or the failure shows in receive().
}
