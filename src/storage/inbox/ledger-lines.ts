/** Reads single lines of the ledger's files. Those of one folder stand together and are asked for one after the other. */
import { closeSync, openSync, readSync } from 'node:fs';
import { READ_FLAGS } from '../disk/read-file.js';
import { MAX_LINE_BYTES } from './ledger-record.js';

/** A read takes so many bytes, and more where a line is longer. */
const RUN_BYTES = 16 * 1024;
const LINE_FEED = 10;

export interface LedgerLines {
  /** The line that begins at the offset, without its line feed. Undefined if it is torn or gone. Never fails. */
  read(path: string, offset: number): Buffer | undefined;
  /** To be called after a file was written anew. */
  forget(): void;
}

export function createLedgerLines(): LedgerLines {
  /** What was read last. A file that grows meanwhile still begins with it. */
  let last: { readonly path: string; readonly offset: number; readonly bytes: Buffer } | undefined;

  function find(path: string, offset: number): Buffer | undefined {
    if (last?.path !== path || offset < last.offset) return undefined;
    const begin = offset - last.offset;
    const end = last.bytes.indexOf(LINE_FEED, begin);
    return end < 0 ? undefined : last.bytes.subarray(begin, end);
  }

  return {
    read(path, offset) {
      const known = find(path, offset);
      if (known) return known;
      for (const length of [RUN_BYTES, MAX_LINE_BYTES]) {
        last = { path, offset, bytes: readRun(path, offset, length) };
        const line = find(path, offset);
        if (line) return line;
      }
      return undefined;
    },
    forget: () => void (last = undefined),
  };
}

function readRun(path: string, offset: number, length: number): Buffer {
  let fd: number | undefined;
  try {
    fd = openSync(path, READ_FLAGS);
    const buffer = Buffer.allocUnsafeSlow(length);
    return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
  } catch {
    return Buffer.alloc(0);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
