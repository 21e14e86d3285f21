/**
 * One entry of a pack as bytes, PROTOCOL.md section 5, pack: lengths, head, content, digest.
 *
 * The lengths are 2 bytes for the head and 4 bytes for the content. The head is the JSON of an offer. The digest is that
 * of all bytes of the entry before it.
 */
import { digestBlock } from '../core/checksum.js';
import type { Entry } from '../core/entry.js';
import { FtxError, toFtxError } from '../core/errors.js';
import { MAX_PACK_CONTENT_BYTES, MAX_PACK_HEAD_BYTES } from './constants.js';
import { offerToText } from './item-json.js';
import { parseOffer, type OfferMessage } from './messages.js';

/** Bytes of the two lengths that an entry begins with, and of the digest at its end. */
export const ENTRY_LENGTHS_BYTES = 6;
export const ENTRY_DIGEST_BYTES = 8;

/** How long the parts of an entry are, in bytes. */
export interface EntryLengths {
  readonly head: number;
  readonly content: number;
}

const toUtf8 = new TextEncoder();
const fromUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The head of an entry; undefined if it is too long for a pack. */
export function encodeEntryHead(entry: Entry, pin: string | undefined): Uint8Array | undefined {
  const head = toUtf8.encode(offerToText(entry, pin));
  return head.length <= MAX_PACK_HEAD_BYTES ? head : undefined;
}

/** Bytes of an entry in a pack. */
export function measureEntry({ head, content }: EntryLengths): number {
  return ENTRY_LENGTHS_BYTES + head + content + ENTRY_DIGEST_BYTES;
}

/** Writes an entry into `target` from byte `at` on. Returns the byte after it. */
export function writeEntry(target: Uint8Array, at: number, head: Uint8Array, content: Uint8Array): number {
  const view = viewOf(target);
  view.setUint16(at, head.length);
  view.setUint32(at + 2, content.length);
  target.set(head, at + ENTRY_LENGTHS_BYTES);
  const end = at + ENTRY_LENGTHS_BYTES + head.length + content.length;
  target.set(content, end - content.length);
  view.setBigUint64(end, digestBlock(target.subarray(at, end)));
  return end + ENTRY_DIGEST_BYTES;
}

/** Reads the first ENTRY_LENGTHS_BYTES of an entry. Undefined if no entry has these lengths: they were damaged. */
export function readLengths(bytes: Uint8Array): EntryLengths | undefined {
  const view = viewOf(bytes);
  const [head, content] = [view.getUint16(0), view.getUint32(2)];
  return head > 0 && head <= MAX_PACK_HEAD_BYTES && content <= MAX_PACK_CONTENT_BYTES ? { head, content } : undefined;
}

/** Whether the entry, which `bytes` are from its lengths to its digest, has arrived as it was sent. */
export function isIntact(bytes: Uint8Array): boolean {
  const end = bytes.length - ENTRY_DIGEST_BYTES;
  return viewOf(bytes).getBigUint64(end) === digestBlock(bytes.subarray(0, end));
}

/** Reads the head of an intact entry. Throws FtxError `protocol` unless it offers a file of `content` bytes. */
export function readHead(head: Uint8Array, content: number): Pick<OfferMessage, 'entry' | 'pin'> {
  const offer = parseOffer('pack', parseJson(head));
  if (offer.entry.kind !== 'file' || offer.entry.size !== content)
    throw new FtxError('protocol', 'The peer sent a pack with something else than whole files.');
  return offer;
}

function parseJson(head: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8.decode(head));
  } catch (error) {
    throw new FtxError('protocol', 'The peer sent a pack with a head that is not JSON.', { cause: toFtxError(error) });
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
