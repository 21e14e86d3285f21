/** The records of the delivery ledger, and the lines of text that hold them. */
import { crc32 } from 'node:zlib';
import { hashText } from '../../core/checksum.js';

/** What a bringer has brought, and what became of it. */
export interface Delivery {
  /** Who brought the file: a fingerprint, or `transfer ` and the id of a transfer without a key. */
  readonly bringer: string;
  /** As offered. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Nanoseconds since 1970, as offered. */
  readonly mtimeNs: bigint;
  /** What the sender vouched for its source with, in hex. */
  readonly pin?: string | undefined;
  /** The id of the transfer that brought the file last, in hex. */
  readonly transfer?: string | undefined;
  /** XXH64 digest of the file, in hex. */
  readonly digest: string;
  /** The path that the file got. */
  readonly as: string;
  /** How the commit left the file; undefined if somebody took it away at once. */
  readonly left?: LeftFile | undefined;
  /** The boot in which a file counts that was not made durable; undefined for a durable one. */
  readonly boot?: string | undefined;
  /** Seconds since 1970. */
  readonly at: number;
}

/** Who made a folder. Of each path, the last record counts. */
export interface Making {
  /** Below the receive folder. */
  readonly path: string;
  /** The bringer for which the folder was made: a fingerprint, or an address. */
  readonly maker: string;
  /** Tells the folder from another one that has got its name since: inode and time of birth. */
  readonly folder: string;
  /** Seconds since 1970. */
  readonly at: number;
}

export type LedgerRecord = Delivery | Making;

/** How a file was when ftx last touched it. A file that is still so was not touched since. */
export interface LeftFile {
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

const KEY_CHARS = 16;
const CRC_CHARS = 8;
/** In front of the JSON: key, space, checksum, space. */
const HEAD_CHARS = KEY_CHARS + CRC_CHARS + 2;
/** A line is not longer than this. A path is at most 4,096 bytes, and JSON makes at most six of each. */
export const MAX_LINE_BYTES = 64 * 1024;

/** In the place of the bringer where a record is found by its path alone. */
export const ANYBODY = '';

export function bringerOf(record: LedgerRecord): string {
  return 'bringer' in record ? record.bringer : ANYBODY;
}

/** The key of a record: two 32-bit numbers. Two records of one key are of the same path and bringer, or collide. */
export type Key = readonly [high: number, low: number];

export function keyOf(bringer: string, path: string): Key {
  const digest = hashText(`${bringer}\0${path}`, 0n);
  // 0 is the mark of an empty slot.
  return [Number(digest >> 32n) || 1, Number(digest & 0xffff_ffffn)];
}

export function keyOfRecord(record: LedgerRecord): Key {
  return keyOf(bringerOf(record), record.path);
}

/** The line of a record, with its line feed. */
export function formatRecord(record: LedgerRecord, [high, low] = keyOfRecord(record)): string {
  const json = JSON.stringify('bringer' in record ? shortenDelivery(record) : shortenMaking(record));
  return `${toHex(high)}${toHex(low)} ${toHex(crc32(json))} ${json}\n`;
}

function shortenDelivery({ bringer, path, size, mtimeNs, pin, transfer, digest, as, left, boot, at }: Delivery) {
  return {
    ...{ b: bringer, p: path, s: size, m: String(mtimeNs), pin, t: transfer, x: digest, at },
    ...{ as: as === path ? undefined : as, boot },
    ...(left && { lm: String(left.mtimeNs), lc: String(left.ctimeNs) }),
  };
}

function shortenMaking({ path, maker, folder, at }: Making) {
  return { p: path, k: maker, f: folder, at };
}

/** Reads the key of a line, without looking at the rest; undefined for a line that is none. */
export function parseKey(line: Buffer): Key | undefined {
  if (line.length <= HEAD_CHARS) return undefined;
  const high = parseInt(line.toString('latin1', 0, KEY_CHARS / 2), 16);
  const low = parseInt(line.toString('latin1', KEY_CHARS / 2, KEY_CHARS), 16);
  return Number.isNaN(high) || Number.isNaN(low) || high === 0 ? undefined : [high, low];
}

/** Undefined for a line that is damaged. */
export function parseRecord(line: Buffer): LedgerRecord | undefined {
  const json = line.toString('utf8', HEAD_CHARS);
  if (line.toString('latin1', KEY_CHARS + 1, HEAD_CHARS - 1) !== toHex(crc32(json))) return undefined;
  try {
    const { b, p, s, m, pin, t, x, as, lm, lc, boot, at, k, f } = JSON.parse(json) as Record<string, string>;
    if (p !== undefined && k !== undefined && f !== undefined) return { path: p, maker: k, folder: f, at: Number(at) };
    if (b === undefined || p === undefined || m === undefined || x === undefined) return undefined;
    const left = lm === undefined || lc === undefined ? undefined : { mtimeNs: BigInt(lm), ctimeNs: BigInt(lc) };
    const rest = { pin, transfer: t, digest: x, as: as ?? p, left, boot, at: Number(at) };
    return { bringer: b, path: p, size: Number(s), mtimeNs: BigInt(m), ...rest };
  } catch {
    return undefined;
  }
}

function toHex(number: number): string {
  return number.toString(16).padStart(8, '0');
}
