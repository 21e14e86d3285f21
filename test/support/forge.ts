/** Frames of any type and payload with a right check, which the codec itself would never make. */
import { digestBlock } from '../../src/core/checksum.js';
import { DATA_PREFIX_BYTES, HEADER_BYTES, PACK_PREFIX_BYTES } from '../../src/protocol/constants.js';

const DATA = 4;
const PACK = 18;
/** Bytes of the payload that the check covers, where that is not all of it. */
const CHECKED: Readonly<Record<number, number>> = { [DATA]: DATA_PREFIX_BYTES, [PACK]: PACK_PREFIX_BYTES };

/** `length` is what the header says. */
export function forgeFrame(type: number, id: number, payload: Uint8Array, length = payload.length): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + payload.length);
  frame.writeUInt8(type, 0);
  frame.writeUInt32BE(id, 4);
  frame.writeUInt32BE(length, 8);
  frame.set(payload, HEADER_BYTES);
  return sealFrame(frame);
}

/** Makes the check of a frame right, whatever else it says. */
export function sealFrame(frame: Buffer): Buffer {
  const checked = frame.subarray(HEADER_BYTES, HEADER_BYTES + (CHECKED[frame.readUInt8(0)] ?? frame.length));
  const check = digestBlock(Buffer.concat([frame.subarray(0, 12), checked]));
  frame.writeUInt32BE(Number(BigInt.asUintN(32, check)), 12);
  return frame;
}

export function forgeData(id: number, offset: bigint, digest: bigint, content: Uint8Array, length?: number): Buffer {
  const payload = Buffer.alloc(DATA_PREFIX_BYTES + content.length);
  payload.writeBigUInt64BE(offset, 0);
  payload.writeBigUInt64BE(digest, 8);
  payload.set(content, DATA_PREFIX_BYTES);
  return forgeFrame(DATA, id, payload, length);
}

export function forgeJson(type: number, id: number, json: unknown): Buffer {
  return forgeFrame(type, id, Buffer.from(JSON.stringify(json)));
}

/** `count` and `length` are what the frame says. */
export function forgePack(id: number, entries: readonly Uint8Array[], count = entries.length, length?: number): Buffer {
  const head = Buffer.alloc(PACK_PREFIX_BYTES);
  head.writeUInt32BE(count);
  return forgeFrame(PACK, id, Buffer.concat([head, ...entries]), length);
}

/** An entry of a pack with a right digest. The lengths are what the entry says. */
export function forgeEntry(
  json: unknown,
  content: Uint8Array,
  lengths: { head?: number; content?: number } = {},
): Buffer {
  const head = json instanceof Uint8Array ? json : Buffer.from(JSON.stringify(json));
  const bytes = Buffer.alloc(6 + head.length + content.length + 8);
  bytes.writeUInt16BE(lengths.head ?? head.length, 0);
  bytes.writeUInt32BE(lengths.content ?? content.length, 2);
  bytes.set(head, 6);
  bytes.set(content, 6 + head.length);
  bytes.writeBigUInt64BE(digestBlock(bytes.subarray(0, -8)), bytes.length - 8);
  return bytes;
}
