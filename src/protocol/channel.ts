/** Messages over a Connection: greeting, frames, back-pressure and deadlines. */
import { FtxError } from '../errors.js';
import type { Connection } from '../ports.js';
import { createByteReader, type ByteReader } from './byte-reader.js';
import { decodeHeader, decodeMessage, encodeControl, encodeDataHead, encodeHave, type FrameHeader } from './codec.js';
import { GREETING, HEADER_BYTES, type Timeouts } from './constants.js';
import type { ControlMessage, DataMessage, Hello, Message } from './messages.js';
import { createHeartbeat, watchConnection, within } from './watch.js';

/** Control bytes that may wait to be sent before send() waits for them to go out. */
const MAX_UNSENT_BYTES = 256 * 1024;

/** The channel itself says how long it waits. */
type GreetingHello = Omit<Hello, 'idleMs'>;

export interface Channel {
  readonly peer: string;
  /** Exchanges greeting and hello; throws FtxError `protocol` or what the peer gave as its reason. */
  greet(own: GreetingHello): Promise<Hello>;
  /** Queues a message; waits only when too much is queued. A lost connection shows in receive(). */
  send(message: ControlMessage): Promise<void>;
  /** Tells which blocks are here already. */
  sendHave(id: number, digests: readonly bigint[]): Promise<void>;
  /** Sends one block; resolves when its memory may be reused. */
  sendBlock(head: DataMessage, block: Uint8Array): Promise<void>;
  /**
   * The next message but pings, or undefined once the peer has ended between
   * two messages. After `data`, take the content by readContent or skipContent.
   */
  receive(): Promise<Message | undefined>;
  readContent(target: Uint8Array): Promise<void>;
  skipContent(length: number): Promise<void>;
  /** Ends every wait with `reason`. What was sent before still goes out, for a bounded time. */
  destroy(reason: Error): void;
}

export function createChannel(raw: Connection, timeouts: Timeouts): Channel {
  let unsent = 0;
  const connection = watchConnection(raw, timeouts.idleMs);
  const reader = createByteReader(connection);
  // Pings go past the watch: what we say to a dead peer is no sign that it lives.
  const pings = createHeartbeat(() => {
    if (unsent === 0) raw.write([encodeControl({ type: 'ping', id: 0 })]).catch(() => undefined);
  });

  function write(parts: readonly Uint8Array[]): Promise<void> {
    pings.postpone();
    return connection.write(parts);
  }

  function send(message: ControlMessage): Promise<void> {
    const frame = encodeControl(message);
    unsent += frame.length;
    const sent = write([frame]).then(() => {
      unsent -= frame.length;
    });
    if (unsent > MAX_UNSENT_BYTES) return sent;
    sent.catch(() => undefined);
    return Promise.resolve();
  }

  const receive = () => readPastPings(reader, raw, timeouts);

  return {
    peer: raw.peer,
    send,
    receive,
    greet: (own) => within(timeouts.greetingMs, raw, 'finish the greeting', greet(own)),
    sendHave: (id, digests) => write(encodeHave(id, digests)),
    sendBlock: (head, block) => write([encodeDataHead(head), block]),
    readContent: (target) => reader.fill(target),
    skipContent: (length) => reader.skip(length),
    destroy(reason) {
      pings.stop();
      connection.stop();
      raw.destroy(reason);
    },
  };

  async function greet(own: GreetingHello): Promise<Hello> {
    write([GREETING]).catch(() => undefined);
    await send({ type: 'hello', id: 0, ...own, idleMs: timeouts.idleMs });
    await readGreeting(reader, raw.peer);
    const hello = expectHello(await receive(), raw.peer);
    pings.start(hello.idleMs / 4);
    return hello;
  }
}

function expectHello(message: Message | undefined, peer: string): Hello {
  if (message?.type === 'hello') return message;
  if (message?.type === 'error') throw new FtxError(message.code, message.message);
  throw new FtxError('protocol', `${peer} did not introduce itself as ftx does.`);
}

async function readGreeting(reader: ByteReader, peer: string): Promise<void> {
  const greeting = await reader.take(GREETING.length);
  if (greeting === undefined)
    throw new FtxError('lost', `${peer} closed the connection without a word. Is it an ftx receiver?`);
  if (Buffer.compare(greeting, GREETING) !== 0)
    throw new FtxError('protocol', `What answers at ${peer} does not speak ftx/1. Check the address and the port.`);
}

async function readPastPings(reader: ByteReader, raw: Connection, timeouts: Timeouts): Promise<Message | undefined> {
  for (;;) {
    const message = await readMessage(reader, raw, timeouts);
    if (message?.type !== 'ping') return message;
  }
}

async function readMessage(reader: ByteReader, raw: Connection, timeouts: Timeouts): Promise<Message | undefined> {
  const headerBytes = await reader.take(HEADER_BYTES);
  if (headerBytes === undefined) return undefined;
  const header = decodeHeader(headerBytes);
  const checked = await within(timeouts.controlMs, raw, 'finish a message', takeChecked(reader, header, raw.peer));
  return decodeMessage(header, headerBytes, checked);
}

async function takeChecked(reader: ByteReader, header: FrameHeader, peer: string): Promise<Uint8Array> {
  if (header.checkedLength === 0) return new Uint8Array(0);
  const checked = await reader.take(header.checkedLength);
  if (checked === undefined) throw new FtxError('lost', `${peer} closed the connection in the middle of a message.`);
  return checked;
}

/** Tells the peer why, and ends every wait of the session with it. The first reason wins. */
export function sayAndDestroy(channel: Channel, { code, message, cause }: FtxError): void {
  channel.send({ type: 'error', id: 0, code, message }).catch(() => undefined);
  channel.destroy(new FtxError(code, message, { cause }));
}
