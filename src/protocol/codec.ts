/** Frames to bytes and back, PROTOCOL.md section 3. No I/O, and no state. */
import { digestBlock } from '../core/checksum.js';
import { FtxError, toFtxError } from '../core/errors.js';
import * as limits from './constants.js';
import {
  controlToText,
  parseControl,
  type ControlMessage,
  type DataMessage,
  type HaveMessage,
  type Message,
  type MessageType,
  type PackMessage,
  type ZerosMessage,
} from './messages.js';

/** Type numbers are positions in this list, counted from 1. */
const TYPES: readonly (MessageType | undefined)[] = [
  'hello',
  'offer',
  'ready',
  'data',
  'end',
  'stored',
  'refused',
  'again',
  'error',
  'ping',
  'goodbye',
  'status',
  'have',
  'check',
  'checked',
  'pair',
  'zeros',
  'pack',
  'packed',
];
/** Messages about the session carry the id 0. An `error` may carry it too. */
const OF_SESSION: ReadonlySet<MessageType> = new Set([
  'hello',
  'ping',
  'goodbye',
  'status',
  'check',
  'checked',
  'pair',
]);
const WITHOUT_PAYLOAD: ReadonlySet<MessageType> = new Set(['ping', 'goodbye']);

const DIGEST_BYTES = 8;
/** Ids have four bytes. */
const MAX_ID = 2 ** 32 - 1;
const MAX_DIGESTS = limits.MAX_CONTROL_BYTES / DIGEST_BYTES;

export interface FrameHeader {
  readonly type: MessageType;
  readonly id: number;
  /** Bytes of payload. */
  readonly length: number;
  /** Bytes at the start of the payload that the check covers and that decodeMessage() needs. */
  readonly checkedLength: number;
}

/**
 * Reads the first HEADER_BYTES of a frame. Throws FtxError `protocol` on an
 * unknown type, an id that does not fit it, or a length over its limit.
 */
export function decodeHeader(bytes: Uint8Array): FrameHeader {
  const view = viewOf(bytes);
  const number = view.getUint8(0);
  const type = TYPES[number - 1];
  if (type === undefined) throw new FtxError('protocol', `The peer sent a frame of unknown type ${number}.`);
  const id = view.getUint32(4);
  const length = view.getUint32(8);
  if (OF_SESSION.has(type) ? id !== 0 : id === 0 && type !== 'error')
    throw new FtxError('protocol', `The peer sent a frame ${type} with the id ${id}.`);
  if (!lengthFits(type, length))
    throw new FtxError('protocol', `The peer announced a frame ${type} of ${length} bytes.`);
  return { type, id, length, checkedLength: measureChecked(type, length) };
}

function measureChecked(type: MessageType, length: number): number {
  if (type === 'data') return limits.DATA_PREFIX_BYTES;
  return type === 'pack' ? limits.PACK_PREFIX_BYTES : length;
}

function lengthFits(type: MessageType, length: number): boolean {
  if (type === 'data') return length > limits.DATA_PREFIX_BYTES && length <= limits.MAX_DATA_BYTES;
  if (type === 'pack') return length > limits.PACK_PREFIX_BYTES && length <= limits.MAX_PACK_BYTES;
  if (type === 'zeros') return length === limits.ZEROS_BYTES;
  return WITHOUT_PAYLOAD.has(type) ? length === 0 : length <= limits.MAX_CONTROL_BYTES;
}

/**
 * Decodes the message of a frame from its header bytes and the part of its
 * payload that the check covers. Throws FtxError `protocol`.
 */
export function decodeMessage(header: FrameHeader, headerBytes: Uint8Array, checked: Uint8Array): Message {
  if (viewOf(headerBytes).getUint32(12) !== computeCheck(headerBytes, checked))
    throw new FtxError('protocol', 'A frame was damaged on the way: its check is wrong. Send again.');
  const { type, id } = header;
  if (type === 'data') return decodeData(header, checked);
  if (type === 'zeros') return decodeZeros(id, checked);
  if (type === 'pack') return decodePack(header, checked);
  return type === 'have' ? decodeHave(id, checked) : decodeControl(type, id, checked);
}

function decodeHave(id: number, payload: Uint8Array): HaveMessage {
  if (payload.length === 0 || payload.length % DIGEST_BYTES !== 0)
    throw new FtxError('protocol', `The peer sent a have message of ${payload.length} bytes.`);
  const view = viewOf(payload);
  const count = payload.length / DIGEST_BYTES;
  return { type: 'have', id, digests: Array.from({ length: count }, (_, at) => view.getBigUint64(at * DIGEST_BYTES)) };
}

/** The `have` frames that tell all `digests`, each with as many as its limit allows. */
export function encodeHave(id: number, digests: readonly bigint[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let from = 0; from < digests.length; from += MAX_DIGESTS) {
    const part = digests.slice(from, from + MAX_DIGESTS);
    const frame = new Uint8Array(limits.HEADER_BYTES + part.length * DIGEST_BYTES);
    const view = writeHeader(frame, 'have', id, part.length * DIGEST_BYTES);
    part.forEach((digest, at) => view.setBigUint64(limits.HEADER_BYTES + at * DIGEST_BYTES, digest));
    frames.push(seal(frame));
  }
  return frames;
}

function decodeData(header: FrameHeader, prefix: Uint8Array): DataMessage {
  const view = viewOf(prefix);
  return {
    type: 'data',
    id: header.id,
    offset: readOffset(view),
    digest: view.getBigUint64(8),
    length: header.length - limits.DATA_PREFIX_BYTES,
  };
}

function decodePack({ id, length }: FrameHeader, prefix: Uint8Array): PackMessage {
  const count = viewOf(prefix).getUint32(0);
  if (count === 0 || count > limits.MAX_PACK_ENTRIES)
    throw new FtxError('protocol', `The peer sent a pack of ${count} entries.`);
  if (id + count - 1 > MAX_ID) throw new FtxError('protocol', 'The peer sent a pack with ids that no entry can have.');
  return { type: 'pack', id, count, length: length - limits.PACK_PREFIX_BYTES };
}

function decodeZeros(id: number, payload: Uint8Array): ZerosMessage {
  const view = viewOf(payload);
  const length = view.getUint32(8);
  if (length === 0 || length > limits.MAX_RUN_BYTES)
    throw new FtxError('protocol', `The peer sent a run of ${length} zeros.`);
  return { type: 'zeros', id, offset: readOffset(view), length };
}

/** Reads the offset that a payload begins with. */
function readOffset(view: DataView): number {
  const offset = view.getBigUint64(0);
  if (offset > BigInt(Number.MAX_SAFE_INTEGER))
    throw new FtxError('protocol', `The peer sent a block at the impossible offset ${offset}.`);
  return Number(offset);
}

const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const toUtf8 = new TextEncoder();

function decodeControl(type: ControlMessage['type'], id: number, payload: Uint8Array): ControlMessage {
  if (WITHOUT_PAYLOAD.has(type)) return parseControl(type, id, undefined);
  return parseControl(type, id, parseJson(type, payload));
}

function parseJson(type: MessageType, payload: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8.decode(payload));
  } catch (error) {
    throw new FtxError('protocol', `The peer sent a ${type} message that is not JSON.`, { cause: toFtxError(error) });
  }
}

/** A whole control frame, ready to send. Throws FtxError `bad-name` when a long path makes it too large. */
export function encodeControl(message: ControlMessage): Uint8Array {
  const text = controlToText(message);
  const payload = text === undefined ? new Uint8Array(0) : toUtf8.encode(text);
  if (payload.length > limits.MAX_CONTROL_BYTES)
    throw new FtxError(
      'bad-name',
      `A ${message.type} message of ${payload.length} bytes is over the limit; shorten the name.`,
    );
  const frame = new Uint8Array(limits.HEADER_BYTES + payload.length);
  writeHeader(frame, message.type, message.id, payload.length);
  frame.set(payload, limits.HEADER_BYTES);
  return seal(frame);
}

/** A whole frame of zeros, ready to send. */
export function encodeZeros({ id, offset, length }: ZerosMessage): Uint8Array {
  const frame = new Uint8Array(limits.HEADER_BYTES + limits.ZEROS_BYTES);
  const view = writeHeader(frame, 'zeros', id, limits.ZEROS_BYTES);
  view.setBigUint64(limits.HEADER_BYTES, BigInt(offset));
  view.setUint32(limits.HEADER_BYTES + 8, length);
  return seal(frame);
}

/** A data frame without its content: ready to send in front of `length` bytes. */
export function encodeDataHead({ id, offset, digest, length }: DataMessage): Uint8Array {
  const head = new Uint8Array(limits.HEADER_BYTES + limits.DATA_PREFIX_BYTES);
  const view = writeHeader(head, 'data', id, limits.DATA_PREFIX_BYTES + length);
  view.setBigUint64(limits.HEADER_BYTES, BigInt(offset));
  view.setBigUint64(limits.HEADER_BYTES + 8, digest);
  return seal(head);
}

/** The head of a pack: ready to send in front of `length` bytes of entries. */
export function encodePackHead({ id, count, length }: PackMessage): Uint8Array {
  const head = new Uint8Array(limits.HEADER_BYTES + limits.PACK_PREFIX_BYTES);
  const view = writeHeader(head, 'pack', id, limits.PACK_PREFIX_BYTES + length);
  view.setUint32(limits.HEADER_BYTES, count);
  return seal(head);
}

/** Writes the header but its check into `frame`. Returns a view of the whole frame. */
function writeHeader(frame: Uint8Array, type: MessageType, id: number, length: number): DataView {
  const view = viewOf(frame);
  view.setUint8(0, TYPES.indexOf(type) + 1);
  view.setUint32(4, id);
  view.setUint32(8, length);
  return view;
}

/** Writes the check into the header of a frame whose other bytes are complete. */
function seal(frame: Uint8Array): Uint8Array {
  viewOf(frame).setUint32(12, computeCheck(frame, frame.subarray(limits.HEADER_BYTES)));
  return frame;
}

const CHECKED_HEADER_BYTES = 12;

function computeCheck(header: Uint8Array, checked: Uint8Array): number {
  const all = new Uint8Array(CHECKED_HEADER_BYTES + checked.length);
  all.set(header.subarray(0, CHECKED_HEADER_BYTES));
  all.set(checked, CHECKED_HEADER_BYTES);
  return Number(BigInt.asUintN(32, digestBlock(all)));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
