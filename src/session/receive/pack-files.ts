/** The files of a pack in the bytes of its entries: PROTOCOL.md section 5, pack. */
import { digestBlock, formatDigest } from '../../core/checksum.js';
import type { Vouched, WholeFile } from '../../core/sink.js';
import {
  ENTRY_DIGEST_BYTES,
  ENTRY_LENGTHS_BYTES,
  isIntact,
  measureEntry,
  readHead,
  readLengths,
  type EntryLengths,
} from '../../protocol/pack-entry.js';

/** Returns what the sender can tell of a file with this pin. */
export type Vouch = (pin: string | undefined) => Vouched;

export interface FilesRead {
  /** Their content lies in the bytes that were read. */
  readonly files: readonly WholeFile[];
  /** Where the next entry begins, in bytes. */
  readonly end: number;
}

/**
 * Reads the entries that `bytes` begin with, at most `most`, up to the first that is damaged or not there as a whole:
 * nothing after that can be found. Throws FtxError `protocol` at an intact entry that offers no file of its size.
 */
export function readFiles(bytes: Uint8Array, most: number, vouch: Vouch): FilesRead {
  const files: WholeFile[] = [];
  let end = 0;
  while (files.length < most && bytes.length - end >= ENTRY_LENGTHS_BYTES) {
    const lengths = readLengths(bytes.subarray(end, end + ENTRY_LENGTHS_BYTES));
    if (!lengths) break;
    const next = end + measureEntry(lengths);
    const entry = bytes.subarray(end, next);
    if (next > bytes.length || !isIntact(entry)) break;
    files.push(readFile(entry, lengths, vouch));
    end = next;
  }
  return { files, end };
}

function readFile(entry: Uint8Array, { head, content: size }: EntryLengths, vouch: Vouch): WholeFile {
  const { entry: offer, pin } = readHead(entry.subarray(ENTRY_LENGTHS_BYTES, ENTRY_LENGTHS_BYTES + head), size);
  const end = entry.length - ENTRY_DIGEST_BYTES;
  const content = entry.subarray(end - size, end);
  return { offer, vouched: vouch(pin), content, digest: formatDigest(digestBlock(content)) };
}
