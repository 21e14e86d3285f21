/** Blocks of zeros, which are neither sent nor digested: PROTOCOL.md section 5, zeros. */
import { digestBlock } from './checksum.js';
import { BLOCK_BYTES } from './entry.js';

/** Zeros to write or to compare with. Shared: nobody writes to it. Less than a block, so that it goes through the page cache. */
const PIECE = new Uint8Array(128 * 1024);
const WORD_BYTES = 4;
/** Words that are looked at together. */
const STEP = 8;

let ofWholeBlock: bigint | undefined;

/** The digest of a block of `length` zeros, at most BLOCK_BYTES. */
export function digestZeros(length: number): bigint {
  if (length < BLOCK_BYTES) return digestBlock(new Uint8Array(length));
  return (ofWholeBlock ??= digestBlock(new Uint8Array(BLOCK_BYTES)));
}

/** Whether all bytes are zeros. The first bytes tell it of nearly every block that is not. */
export function isZeros({ buffer, byteOffset, length }: Uint8Array): boolean {
  const head = Math.min(length, (WORD_BYTES - (byteOffset % WORD_BYTES)) % WORD_BYTES);
  const words = Math.floor((length - head) / WORD_BYTES);
  const tail = head + words * WORD_BYTES;
  return (
    areBytesZeros(new Uint8Array(buffer, byteOffset, head)) &&
    areWordsZeros(new Int32Array(buffer, byteOffset + head, words)) &&
    areBytesZeros(new Uint8Array(buffer, byteOffset + tail, length - tail))
  );
}

function areBytesZeros(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function areWordsZeros(words: Int32Array): boolean {
  const whole = words.length - (words.length % STEP);
  for (let at = 0; at < whole; at += STEP) if (joinWords(words, at) !== 0) return false;
  return words.subarray(whole).every((word) => word === 0);
}

/** All bits that are set in the next STEP words. Written out, because a loop takes three times as long. */
function joinWords(words: Int32Array, at: number): number {
  const word = (number: number): number => words[at + number] as number;
  return word(0) | word(1) | word(2) | word(3) | word(4) | word(5) | word(6) | word(7);
}

/** Cuts zeros into pieces that can be written. */
export function* pieceZeros(length: number, offset: number): Generator<{ bytes: Uint8Array; offset: number }> {
  for (let done = 0; done < length; done += PIECE.length)
    yield { bytes: PIECE.subarray(0, Math.min(PIECE.length, length - done)), offset: offset + done };
}
