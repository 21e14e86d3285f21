/** The sender's side of the classic handshake, PROTOCOL.md section 8: size, `ready`, raw bytes. */
import { formatAddress } from '../../core/address.js';
import type { Connection } from '../../core/connection.js';
import { FtxError } from '../../core/errors.js';
import type { Source } from '../../core/source.js';
import { createByteReader, type ByteReader } from '../../protocol/byte-reader.js';
import { MIN_BYTES_PER_SECOND } from '../../protocol/constants.js';
import { slowestMs } from '../../protocol/pace.js';
import { within } from '../../protocol/watch.js';
import { secondsSince, type Tally } from '../tally.js';
import { ascii, READY, toBytes, withConnection, type ClassicOptions } from './connection.js';

/** No more than this is read of an answer other than `ready`. */
const MAX_REFUSAL_BYTES = 200;

/** Bytes that go out together: few, so that a receiver that takes no more is left soon, and enough to be fast. */
const MIN_PIECE_BYTES = 16 * 1024;
const MAX_PIECE_BYTES = 64 * 1024;
/** Bytes that the system may have yet when all is sent, and that a slow receiver has to take before it closes. */
const BUFFERED_BYTES = 256 * 1024;

export interface ClassicSenderOptions extends ClassicOptions {
  /** Counts the events and passes them on. */
  readonly tally: Tally;
}

/**
 * Sends one file to a classic receiver. The file counts as sent, not as stored,
 * because such a receiver does not confirm. Throws FtxError: `usage` for a
 * stream of unknown length, `refused`, `lost`, `protocol`, `timeout`.
 */
export async function sendClassic(
  connection: Connection,
  source: Source,
  options: ClassicSenderOptions,
): Promise<void> {
  const { path, size } = source.entry;
  const { tally } = options;
  if (size === null) throw new FtxError('usage', 'A classic receiver needs the size before the first byte.');
  const started = performance.now();
  await withConnection(connection, options, async (watched) => {
    tally.emit({ type: 'connected', peer: formatAddress(connection.address), protocol: 'classic' });
    const reader = createByteReader(watched);
    tally.emit({ type: 'offered', path, kind: 'file', size });
    // An empty file is read first, because the receiver has stored it as soon as it hears the size.
    if (size === 0) await source.blocks(0)[Symbol.asyncIterator]().next();
    await watched.write([toBytes(String(size))]);
    await within(
      options.timeouts.controlMs,
      watched,
      'answer ready',
      assertReady(reader, formatAddress(connection.address)),
    );
    // From here on the receiver says nothing, and what goes out slowly is seen to move only when all of it is out.
    watched.stop();
    const { idleMs } = options.timeouts;
    const limitMs = (length: number) => slowestMs(length, idleMs);
    let bytes = 0;
    for await (const block of source.blocks(0)) {
      for (const piece of split(block, idleMs))
        await within(limitMs(piece.length), watched, 'take more', watched.write([piece]));
      bytes += block.length;
      tally.emit({ type: 'progress', path, bytes, size, total: null });
    }
    watched.end();
    const closed = assertClosed(reader, formatAddress(connection.address));
    await within(limitMs(Math.min(size, BUFFERED_BYTES)), watched, 'close the connection', closed);
    tally.emit({ type: 'sent', path, size, seconds: secondsSince(started) });
  });
}

/** Pieces that the slowest receiver takes in `idleMs`, within limits. */
function* split(block: Uint8Array, idleMs: number): Generator<Uint8Array> {
  const bytes = (MIN_BYTES_PER_SECOND * idleMs) / 1000;
  const length = Math.round(Math.min(MAX_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, bytes)));
  for (let at = 0; at < block.length; at += length) yield block.subarray(at, at + length);
}

/** Throws FtxError `refused`, `lost` or `protocol` unless the receiver answers `ready`. */
async function assertReady(reader: ByteReader, peer: string): Promise<void> {
  const answer = await readAnswer(reader);
  if (answer === READY) return;
  if (answer.startsWith('refused')) throw new FtxError('refused', `${peer} answered: ${answer.trim()}`);
  if (answer === '') throw new FtxError('lost', `${peer} closed without "ready". Is it a classic receiver?`);
  throw new FtxError('protocol', `${peer} did not answer "ready". Is it a classic receiver?`);
}

/** The five bytes of `ready`, or another answer up to the end of its line. */
async function readAnswer(reader: ByteReader): Promise<string> {
  let answer = '';
  while (answer !== READY && answer.length < MAX_REFUSAL_BYTES && !answer.endsWith('\n')) {
    const byte = await reader.take(1);
    if (byte === undefined) break;
    answer += ascii.decode(byte);
  }
  return answer;
}

/** Waits until the receiver closes, as it does when it has read everything. Throws FtxError `lost` if it resets. */
async function assertClosed(reader: ByteReader, peer: string): Promise<void> {
  if ((await reader.take(1)) !== undefined)
    throw new FtxError('protocol', `${peer} said something after the transfer, which a classic receiver does not.`);
}
