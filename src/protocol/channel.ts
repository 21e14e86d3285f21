/**
 * Messages over a Connection: both sides of a session speak through a Channel.
 *
 * On the way in, a ByteReader takes frames from the connection, the codec turns
 * their bytes into messages, and pings are left out. The content of a data frame or a pack
 * stays in the connection until the caller has found memory for it. On the way
 * out, the FrameWriter collects small frames and sends them together.
 *
 * Each wait has a deadline: watch.ts drops a peer with which nothing moves,
 * pace.ts one whose content is too slow, within() one that does not finish a
 * message. The peer is told why before the connection goes.
 */
import { type Address, formatAddress } from '../core/address.js';
import { FtxError, isOnWire } from '../core/errors.js';
import { observeWrites, wrapConnection, type Connection } from '../core/connection.js';
import { createByteReader, endedError, type ByteReader } from './byte-reader.js';
import { decodeHeader, decodeMessage, encodeControl, encodeHave } from './codec.js';
import { GREETING, HEADER_BYTES, MAX_IDLE_MS, MIN_IDLE_MS, type Timeouts } from './constants.js';
import type { ControlMessage, DataMessage, Hello, Message, PackMessage, ZerosMessage } from './messages.js';
import { createFrameWriter } from './frame-writer.js';
import { createPace } from './pace.js';
import { watchConnection, within } from './watch.js';

/** What has been said so far, in bytes. */
export interface Traffic {
  /** By this side, also what has not gone out yet. */
  readonly sent: number;
  /** By the peer, as far as this side has read it. */
  readonly received: number;
}

/** What the caller says of itself; the channel adds how long it waits. */
type GreetingHello = Omit<Hello, 'idleMs'>;

export interface Channel {
  /** Where the peer is. */
  readonly address: Address;
  readonly traffic: Traffic;
  /** Sends the greeting, unless it has been sent: whatever this side says comes after it. */
  open(): void;
  /**
   * Exchanges greeting and hello, and resolves with the hello of the peer.
   * Throws FtxError `protocol`, `lost`, `timeout`, or what the peer gave as its reason.
   */
  greet(own: GreetingHello): Promise<Hello>;
  /** Queues a message, and waits only when too much is queued. That the connection is lost shows in receive(). */
  send(message: ControlMessage | ZerosMessage): Promise<void>;
  /** Tells the digests of the blocks of file `id` that are here from an earlier session, from the first on. */
  sendHave(id: number, digests: readonly bigint[]): Promise<void>;
  /** Waits while too much is queued. Call it before answering a peer that may not be reading. */
  drain(): Promise<void>;
  /** Sends one block, or all entries of a pack. Resolves when the caller may reuse its memory. */
  sendBlock(head: DataMessage | PackMessage, block: Uint8Array): Promise<void>;
  /**
   * The next message that is no ping; undefined once the peer has ended between
   * two messages. After `data` or `pack`, take the content by readContent or skipContent.
   * Throws FtxError `protocol`, `lost` or `timeout`.
   */
  receive(): Promise<Message | undefined>;
  /** Reads the next bytes of the content into all of `target`. `onBytes` hears of those that are waited for as they come. */
  readContent(target: Uint8Array, onBytes?: (bytes: number) => void): Promise<void>;
  /** Reads this many bytes of the content and throws them away. */
  skipContent(length: number): Promise<void>;
  /** Ends every wait with `reason`; the first one wins. What was sent before still goes out, for a bounded time. */
  destroy(reason: Error): void;
}

/** `judge` sees each message before the caller does, and may change it. */
export function createChannel(
  socket: Connection,
  timeouts: Timeouts,
  judge: (message: Message) => Message = (message) => message,
): Channel {
  const traffic = { sent: 0, received: 0 };
  const raw = withFarewell(observeWrites(socket, (bytes) => (traffic.sent += bytes)));
  const pace = createPace(raw, timeouts.idleMs);
  const connection = watchConnection(raw, timeouts.idleMs, (bytes) => {
    traffic.received += bytes;
    pace.count(bytes);
  });
  const reader = createByteReader(connection);
  const { pings, write, send, drain, sendBlock, flush } = createFrameWriter(raw, connection, timeouts.idleMs);

  const open = once(() => void write([GREETING]).catch(() => undefined));

  const receive = async () => {
    const message = await readPastPings(reader, raw, timeouts);
    if (message?.type === 'data' || message?.type === 'pack') pace.restart();
    return message && judge(message);
  };

  return {
    address: raw.address,
    traffic,
    open,
    send,
    drain,
    sendBlock,
    receive,
    greet: (own) => within(timeouts.greetingMs, raw, 'finish the greeting', greet(own)),
    sendHave: (id, digests) => write(encodeHave(id, digests)),
    readContent: (target, onBytes) =>
      reader.fillAtOnce(target) ? Promise.resolve() : pace.during(() => reader.fill(target, onBytes)),
    skipContent: (length) => pace.during(() => reader.skip(length)),
    destroy(reason) {
      void flush();
      pings.stop();
      connection.stop();
      raw.destroy(reason);
    },
  };

  async function greet(own: GreetingHello): Promise<Hello> {
    open();
    await send({ type: 'hello', id: 0, ...own, idleMs: boundIdleMs(timeouts) });
    void flush();
    await readGreeting(reader, formatAddress(raw.address));
    const hello = expectHello(await receive(), formatAddress(raw.address));
    pings.start(hello.idleMs / 4);
    return hello;
  }
}

function boundIdleMs({ idleMs }: Timeouts): number {
  return Math.min(MAX_IDLE_MS, Math.max(MIN_IDLE_MS, idleMs));
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

/** The connection; a peer that is dropped because of a deadline is told before. */
function withFarewell(connection: Connection): Connection {
  return wrapConnection(connection, {
    destroy(reason) {
      if (reason instanceof FtxError && reason.code === 'timeout') {
        const { code, message } = reason;
        connection.write([encodeControl({ type: 'error', id: 0, code, message })]).catch(() => undefined);
      }
      connection.destroy(reason);
    },
  });
}

function expectHello(message: Message | undefined, peer: string): Hello {
  if (message === undefined)
    throw new FtxError('lost', `${peer} closed the connection before it said who it is. Send again.`);
  if (message.type === 'hello') return message;
  if (message.type === 'error') throw new FtxError(message.code, message.message);
  throw new FtxError('protocol', `${peer} did not introduce itself as ftx does.`);
}

async function readGreeting(reader: ByteReader, peer: string): Promise<void> {
  const greeting = await reader.take(GREETING.length);
  if (greeting === undefined)
    throw new FtxError('lost', `${peer} closed the connection without a word. Is it an ftx receiver?`);
  if (greeting.some((byte, at) => byte !== GREETING[at]))
    throw new FtxError('protocol', `What answers at ${peer} does not speak ftx/1. Check the address and the port.`);
}

async function readPastPings(reader: ByteReader, raw: Connection, timeouts: Timeouts): Promise<Message | undefined> {
  for (;;) {
    const message = await readMessage(reader, raw, timeouts);
    if (message?.type !== 'ping') return message;
  }
}

async function readMessage(reader: ByteReader, raw: Connection, timeouts: Timeouts): Promise<Message | undefined> {
  if (!(await reader.arrived())) return undefined;
  // A message that is here as a whole needs no deadline.
  return (
    takeAtOnce(reader) ??
    within(
      Math.min(timeouts.controlMs, timeouts.idleMs),
      raw,
      'finish a message',
      takeMessage(reader, formatAddress(raw.address)),
    )
  );
}

/** The next message; undefined unless all of it is here. */
function takeAtOnce(reader: ByteReader): Message | undefined {
  const headerBytes = reader.peek(HEADER_BYTES);
  if (!headerBytes) return undefined;
  const header = decodeHeader(headerBytes);
  const frame = reader.peek(HEADER_BYTES + header.checkedLength);
  if (!frame) return undefined;
  reader.drop(frame.length);
  return decodeMessage(header, headerBytes, frame.subarray(HEADER_BYTES));
}

async function takeMessage(reader: ByteReader, peer: string): Promise<Message> {
  const headerBytes = await takeBytes(reader, HEADER_BYTES, peer);
  const header = decodeHeader(headerBytes);
  return decodeMessage(header, headerBytes, await takeBytes(reader, header.checkedLength, peer));
}

async function takeBytes(reader: ByteReader, length: number, peer: string): Promise<Uint8Array> {
  if (length === 0) return new Uint8Array(0);
  const bytes = await reader.take(length);
  if (bytes === undefined) throw endedError(peer);
  return bytes;
}

const OWN_TROUBLE = {
  code: 'io',
  message: 'The other side has a trouble of its own. Its own screen or log tells which.',
} as const;

/** Tells the peer the failure, and destroys the channel with it. A failure that concerns this machine alone may name its files, which are no business of the peer. */
export function sayAndDestroy(channel: Channel, { code, message, cause }: FtxError): void {
  const told = isOnWire(code) ? ({ code, message } as const) : OWN_TROUBLE;
  // The session may end before it has begun.
  channel.open();
  channel.send({ type: 'error', id: 0, ...told }).catch(() => undefined);
  channel.destroy(new FtxError(code, message, { cause }));
}
