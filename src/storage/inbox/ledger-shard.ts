/** One shard of the delivery ledger: the files of all process lives with its records, and an index over them. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { open, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { roundUp } from '../disk/disk-figures.js';
import { READ_FLAGS } from '../disk/read-file.js';
import { LedgerIndex, type LinePlace } from './ledger-index.js';
import type { LedgerLines } from './ledger-lines.js';
import {
  bringerOf,
  formatRecord,
  keyOf,
  keyOfRecord,
  parseKey,
  parseRecord,
  type LedgerRecord,
} from './ledger-record.js';

const READ_BYTES = 1024 * 1024;
/** More files than this are merged into one. */
const MAX_FILES = 8;
const LINE_FEED = 10;
/** Lines that are read before others get their turn. */
const LINES_AT_ONCE = 256;

/** The quota of the folder that the ledger is in. */
export interface LedgerQuota {
  /** Counts bytes, and returns whether there is room for them. */
  tryAdd(bytes: number): boolean;
  release(bytes: number): void;
}

export interface ShardOptions {
  /** The folder of the ledger. */
  readonly dir: string;
  /** What the names of the files of this shard begin with. */
  readonly prefix: string;
  /** The name of the file that this process life appends to. */
  readonly own: string;
  /** Bytes of the shard at most. The oldest records go first. */
  readonly maxBytes: number;
  /** What the records may take of the quota of the folder. Without it, `maxBytes` alone counts. */
  readonly quota?: LedgerQuota | undefined;
  /** Reads lines, for all shards. */
  readonly lines: LedgerLines;
  /** Whether a record may go, because its file is gone for long. Asked only when the shard is written anew. */
  readonly isOld: (record: LedgerRecord) => boolean;
}

export class LedgerShard {
  readonly #options: ShardOptions;
  #index = new LedgerIndex();
  /** By number, oldest first. The last one is the own file. */
  #files: string[] = [];
  #ownBytes = 0;
  #bytes = 0;
  #lines = 0;

  private constructor(options: ShardOptions) {
    this.#options = options;
  }

  /** Reads the keys of a shard. A file that cannot be read is left out. */
  static async open(options: ShardOptions): Promise<LedgerShard> {
    const shard = new LedgerShard(options);
    await shard.#load();
    return shard;
  }

  find(bringer: string, path: string): LedgerRecord | undefined {
    const place = this.#index.get(keyOf(bringer, path));
    const record = place && this.#read(place);
    return record?.path === path && bringerOf(record) === bringer ? record : undefined;
  }

  /** Appends records, unless the quota is used up. Throws what the system throws; the index then knows none of them. */
  append(records: readonly LedgerRecord[]): void {
    const keys = records.map(keyOfRecord);
    const lines = records.map((record, number) => Buffer.from(formatRecord(record, keys[number])));
    const text = Buffer.concat(lines);
    if (this.#options.quota?.tryAdd(blocksOf(this.#ownBytes + text.length) - blocksOf(this.#ownBytes)) === false)
      return;
    const fd = openSync(join(this.#options.dir, this.#options.own), 'a', 0o600);
    try {
      writeSync(fd, text);
    } finally {
      closeSync(fd);
    }
    for (const [number, key] of keys.entries()) {
      this.#index.set(key, { file: this.#files.length - 1, offset: this.#ownBytes });
      this.#count(lines[number]?.length ?? 0);
    }
  }

  /** Whether the shard should be written anew: it is too large, or mostly holds what no longer counts. */
  get isCrowded(): boolean {
    const isStale = this.#lines > 2 * this.#index.count + 1000;
    return this.#bytes > this.#options.maxBytes || isStale || this.#files.length > MAX_FILES;
  }

  /** Writes the shard anew, as one file: without what no longer counts, and the newest first if there is too much. */
  async compact(): Promise<void> {
    const { dir, own, maxBytes, isOld } = this.#options;
    const kept: Buffer[] = [];
    let bytes = 0;
    for (const [number, place] of this.#newestFirst().entries()) {
      if (number % LINES_AT_ONCE === 0) await new Promise(setImmediate);
      const record = this.#read(place);
      if (!record || isOld(record)) continue;
      const line = Buffer.from(formatRecord(record));
      // Half of the bound is left for what comes.
      if ((bytes += line.length) > maxBytes / 2) break;
      kept.push(line);
    }
    const old = this.#files.filter((name) => name !== own);
    const temporary = join(dir, `${own}.new`);
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(Buffer.concat(kept.reverse()));
    } finally {
      await handle.close();
    }
    await rename(temporary, join(dir, own));
    this.#options.lines.forget();
    await Promise.all(old.map((name) => unlink(join(dir, name)).catch(() => undefined)));
    const before = this.#bytes;
    await this.#load();
    this.#options.quota?.release(Math.max(0, before - this.#bytes));
  }

  #newestFirst(): LinePlace[] {
    return [...this.#index.places()].sort((one, other) => other.file - one.file || other.offset - one.offset);
  }

  async #load(): Promise<void> {
    const { dir, prefix, own } = this.#options;
    [this.#index, this.#ownBytes, this.#bytes, this.#lines] = [new LedgerIndex(), 0, 0, 0];
    const names = (await readdir(dir)).filter((name) => name.startsWith(prefix) && name !== own);
    this.#files = [...names.filter((name) => !name.endsWith('.new')).sort(), own];
    for (const [number, name] of this.#files.entries()) {
      this.#ownBytes = 0;
      await this.#loadFile(join(dir, name), number).catch(() => undefined);
    }
  }

  async #loadFile(path: string, file: number): Promise<void> {
    const handle = await open(path, READ_FLAGS);
    try {
      let rest = Buffer.alloc(0);
      const chunk = Buffer.allocUnsafe(READ_BYTES);
      for (;;) {
        const { bytesRead } = await handle.read(chunk, 0, chunk.length);
        // What follows the last line feed is torn: the process was killed while it wrote.
        if (bytesRead === 0) return;
        rest = this.#takeLines(Buffer.concat([rest, chunk.subarray(0, bytesRead)]), file);
      }
    } finally {
      await handle.close();
    }
  }

  /** Notes all whole lines, and returns what follows them. */
  #takeLines(text: Buffer, file: number): Buffer<ArrayBuffer> {
    let start = 0;
    for (let end; (end = text.indexOf(LINE_FEED, start)) >= 0; start = end + 1) {
      const key = parseKey(text.subarray(start, end));
      if (key) this.#index.set(key, { file, offset: this.#ownBytes });
      this.#count(end + 1 - start);
    }
    return Buffer.from(text.subarray(start));
  }

  #count(bytes: number): void {
    this.#ownBytes += bytes;
    this.#bytes += bytes;
    this.#lines += 1;
  }

  /** Undefined for a line that is damaged or gone. */
  #read({ file, offset }: LinePlace): LedgerRecord | undefined {
    const { dir, lines } = this.#options;
    const line = lines.read(join(dir, this.#files[file] ?? ''), offset);
    return line && parseRecord(line);
  }
}

/** Bytes that a file of this length takes of the disk. */
function blocksOf(bytes: number): number {
  return bytes === 0 ? 0 : roundUp(bytes);
}
