/** Frames of any type and payload with a right check, which the codec itself would never make. */
import { digestBlock } from '../../src/core/checksum.js';
import { DATA_PREFIX_BYTES, HEADER_BYTES } from '../../src/protocol/constants.js';

const DATA = 4;

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
  const checked = frame.subarray(HEADER_BYTES, frame[0] === DATA ? HEADER_BYTES + DATA_PREFIX_BYTES : undefined);
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
