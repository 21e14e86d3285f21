/**
 * The receiver's side of the classic handshake, PROTOCOL.md section 8. The
 * sender writes the size in digits, the receiver answers `ready`, and the sender
 * writes the raw bytes. Nothing marks the end of the size: it is complete when
 * the sender falls silent.
 */
import { formatAddress } from '../../core/address.js';
import { pushBack, wrapConnection, type Connection } from '../../core/connection.js';
import { FtxError, toFtxError } from '../../core/errors.js';
import type { EventListener } from '../../core/events.js';
import type { PartFile, Sink } from '../../core/sink.js';
import { createByteReader, type ByteReader } from '../../protocol/byte-reader.js';
import type { Pace } from '../../protocol/pace.js';
import { within } from '../../protocol/watch.js';
import { createTally, finishTally, secondsSince, type SessionResult, type Tally } from '../tally.js';
import { ascii, READY, toBytes, withConnection, type ClassicOptions } from './connection.js';

/** The size is complete when no byte has come for this long. */
const QUIET_MS = 300;
/** How long the receiver waits for the sender to close the connection after the last byte. */
const CLOSE_MS = 5_000;
/** Of a size: 2^53-1 has 16. */
const MAX_DIGITS = 16;
/** Bytes that are read before they are written. */
const PIECE_BYTES = 64 * 1024;

export interface ClassicReceiverOptions extends ClassicOptions {
  /** Numbers the session in its events. */
  readonly session: number;
  readonly onEvent?: EventListener | undefined;
  /** A sink that never replaces a file, because the sender does not choose the name. */
  readonly sink: Sink;
  /** Bytes of the largest file that is taken. */
  readonly maxSize: number;
  /** The path of the file in the sink. */
  readonly name: string;
}

/** Serves one classic sender. Never rejects: failures are in the events and in the result. */
export async function receiveClassic(connection: Connection, options: ClassicReceiverOptions): Promise<SessionResult> {
  const { name: path, session, onEvent } = options;
  const tally = createTally(session, onEvent);
  tally.emit({ type: 'connected', peer: formatAddress(connection.address), protocol: 'classic' });
  try {
    await withConnection(connection, options, (watched, pace) => takeFile(watched, pace, options, tally));
  } catch (error) {
    const { code, message } = toFtxError(error);
    tally.emit({ type: code === 'too-large' ? 'refused' : 'failed', path, code, message });
  }
  return finishTally(tally);
}

async function takeFile(
  connection: Connection,
  pace: Pace,
  options: ClassicReceiverOptions,
  tally: Tally,
): Promise<void> {
  const started = performance.now();
  const { name: path, sink, timeouts } = options;
  const { size, rest } = await within(timeouts.greetingMs, connection, 'send a size', readSize(connection));
  pace.restart();
  tally.emit({ type: 'offered', path, kind: 'file', size });
  const part = await openPart(connection, options, size);
  try {
    await connection.write([toBytes(READY)]);
    const reader = createByteReader(rest);
    await copyContent({ reader, pace, part, size, path, tally });
    await assertEnd(reader);
    const { as, already = false } = await part.commit(size);
    tally.emit({
      type: 'stored',
      path,
      as,
      size,
      digest: null,
      already,
      durable: sink.isDurable,
      seconds: secondsSince(started),
    });
  } finally {
    await part.discard();
  }
}

/** Opens the part file. Throws FtxError `too-large`, `exists` or what the sink throws, and tells the sender first. */
async function openPart(connection: Connection, options: ClassicReceiverOptions, size: number): Promise<PartFile> {
  const { name: path, sink, maxSize } = options;
  try {
    if (size > maxSize) throw tooLargeError(formatAddress(connection.address), size, maxSize);
    const mtimeNs = BigInt(Date.now()) * 1_000_000n;
    const target = await sink.open({ path, kind: 'file', size, mtimeNs, mode: null });
    if (target.state === 'part') return target;
    throw new FtxError('exists', `${path} is there already.`);
  } catch (error) {
    await connection.write([toBytes(`refused: ${toFtxError(error).message}\n`)]).catch(() => undefined);
    throw error;
  }
}

function tooLargeError(peer: string, size: number, maxSize: number): FtxError {
  return new FtxError('too-large', `${peer} announced ${size} bytes, and the limit is ${maxSize}. Raise --max-size.`);
}

/** Reads digits until none come. `rest` is the connection from there on: the read that waits now is its first. */
async function readSize(connection: Connection): Promise<{ size: number; rest: Connection }> {
  let text = '';
  for (;;) {
    const next = connection.read();
    const bytes = await (text === '' ? next : untilQuiet(next));
    if (bytes === 'quiet') return { size: parseSize(text), rest: withFirstRead(connection, next) };
    if (bytes === undefined)
      throw new FtxError('lost', `${formatAddress(connection.address)} closed before it had announced a size.`);
    text += ascii.decode(bytes.subarray(0, MAX_DIGITS + 1));
    if (!/^\d+$/.test(text) || text.length > MAX_DIGITS) parseSize(text);
  }
}

/** Resolves as `next`, or with `quiet` after QUIET_MS. */
async function untilQuiet<T>(next: Promise<T>): Promise<T | 'quiet'> {
  let timer: NodeJS.Timeout | undefined;
  const quiet = new Promise<'quiet'>((resolve) => (timer = setTimeout(() => resolve('quiet'), QUIET_MS)));
  try {
    return await Promise.race([next, quiet]);
  } finally {
    clearTimeout(timer);
  }
}

function parseSize(text: string): number {
  const size = Number(text);
  if (/^(0|[1-9]\d*)$/.test(text) && Number.isSafeInteger(size)) return size;
  const shown = text.slice(0, MAX_DIGITS + 4);
  throw new FtxError(
    'protocol',
    `A classic sender announced "${shown}", which is no size: it takes decimal digits, at most 2^53-1.`,
  );
}

/** The connection, with `first`, a read of it that has begun, as its next read. */
function withFirstRead(connection: Connection, first: Promise<Uint8Array | undefined>): Connection {
  let begun: typeof first | undefined = first;
  /** The connection behind that read, with the bytes of it that a readInto left over. */
  let rest = connection;
  // The read may fail before anyone waits for it.
  first.catch(() => undefined);
  return wrapConnection(connection, {
    read() {
      const next = begun ?? rest.read();
      begun = undefined;
      return next;
    },
    async readInto(target, onBytes) {
      const bytes = await begun;
      if (bytes) rest = pushBack(connection, bytes);
      begun = undefined;
      return rest.readInto(target, onBytes);
    },
  });
}

interface Copy {
  readonly reader: ByteReader;
  readonly pace: Pace;
  readonly part: PartFile;
  readonly size: number;
  readonly path: string;
  readonly tally: Tally;
}

async function copyContent({ reader, pace, part, size, path, tally }: Copy): Promise<void> {
  const memory = Buffer.allocUnsafe(PIECE_BYTES);
  for (let offset = 0; offset < size;) {
    const piece = memory.subarray(0, Math.min(PIECE_BYTES, size - offset));
    await pace.during(() => reader.fill(piece));
    await part.write(piece, offset);
    offset += piece.length;
    tally.emit({ type: 'progress', path, bytes: offset, size, total: null });
  }
}

/**
 * Throws FtxError `protocol` if the sender sends more bytes than it announced. A
 * sender that leaves the connection open, or resets it, has sent all of them.
 */
async function assertEnd(reader: ByteReader): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), CLOSE_MS)));
  const more = reader.take(1).catch(() => undefined);
  const extra = await Promise.race([more, patience]).finally(() => clearTimeout(timer));
  if (extra) throw new FtxError('protocol', 'A classic sender sent more bytes than it announced. Nothing is stored.');
}
