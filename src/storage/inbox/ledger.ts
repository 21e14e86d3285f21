/**
 * The delivery ledger: who brought what to a receive folder, and how ftx left it there; and who made which folder.
 *
 * Of files, it only saves time. A file that the ledger knows, and that nobody has touched, is already there with nothing
 * read. A file that it does not know is compared by its content. A folder that it does not know stays as it is. So the
 * ledger may be removed at any time, a record may be lost, and no failure of the ledger is a failure of an entry.
 *
 * The records lie in `.ftx-ledger` in the receive folder, for this user alone, in shards by bringer and folder. A shard
 * is read when it is first asked for: an index of numbers stays in memory, and the record itself is read again for each
 * answer. Each process life appends to files of its own, without a sync. Lines that are torn or damaged are skipped.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hashText } from '../../core/checksum.js';
import { createLedgerLines } from './ledger-lines.js';
import { LedgerShard, type LedgerQuota } from './ledger-shard.js';
import { ANYBODY, bringerOf, type Delivery, type LedgerRecord, type Making } from './ledger-record.js';

export const LEDGER_FOLDER = '.ftx-ledger';
/** Shards, unless there is little room: a shard has room for hundreds of records. */
const MAX_SHARDS = 64;
const SHARD_BYTES = 64 * 1024;
export const DEFAULT_MAX_BYTES = 1024 ** 3;
/** Milliseconds, several ticks of the clock that the system takes the times of files from. */
const TICK_MS = 30;
/** Seconds for which the ledger remembers a file that is gone. */
const KEEP_GONE_SECONDS = 30 * 24 * 60 * 60;

export interface Ledger {
  /** Finds the last delivery of the path by the bringer. Never fails. */
  find(bringer: string, path: string): Promise<Delivery | undefined>;
  /** Finds who made the folder that has the path, or had it. Never fails. */
  findMaker(path: string): Promise<Making | undefined>;
  /** Notes what came. Never fails. */
  note(record: LedgerRecord): void;
  /**
   * Whether a change of a file in the folder shows in its time of change (ctime). It does not on FAT, and on many
   * file systems of a network. Tried once, when it is first asked for.
   */
  noticesChanges(): Promise<boolean>;
  /** Resolves when everything that was noted is written. */
  flush(): Promise<void>;
}

export interface LedgerOptions {
  /** Bytes that the records may take. The oldest go first. */
  readonly maxBytes?: number;
  readonly quota?: LedgerQuota | undefined;
}

/** Opens the ledger of a receive folder. Reads nothing yet. */
export function openLedger(dir: string, { maxBytes = DEFAULT_MAX_BYTES, quota }: LedgerOptions = {}): Ledger {
  const folder = join(dir, LEDGER_FOLDER);
  const count = Math.max(1, Math.min(MAX_SHARDS, Math.floor(maxBytes / SHARD_BYTES)));
  const life = `${Date.now().toString(36).padStart(9, '0')}-${randomBytes(4).toString('hex')}`;
  const shards = new Map<number, Promise<LedgerShard>>();
  const lines = createLedgerLines();
  let notices: Promise<boolean> | undefined;

  function isOld(record: LedgerRecord): boolean {
    if (record.at + KEEP_GONE_SECONDS > Date.now() / 1000) return false;
    try {
      return lstatSync(join(dir, 'as' in record ? record.as : record.path), { throwIfNoEntry: false }) === undefined;
    } catch {
      // Where it is cannot be looked into.
      return false;
    }
  }

  function openShard(number: number): Promise<LedgerShard> {
    const known = shards.get(number);
    if (known) return known;
    const prefix = `.ftx-${number.toString(16).padStart(2, '0')}-`;
    const options = { dir: folder, prefix, own: prefix + life, maxBytes: maxBytes / count, lines, isOld, quota };
    const opened = LedgerShard.open(options).catch(async () => {
      await mkdir(folder, { mode: 0o700 }).catch(() => undefined);
      return LedgerShard.open(options);
    });
    shards.set(number, opened);
    // A later call tries again.
    opened.catch(() => shards.delete(number));
    return opened;
  }

  const shardOf = createShardFinder(count);
  const notes = createNotes(openShard, (number) => shards.delete(number));

  async function find(bringer: string, path: string): Promise<LedgerRecord | undefined> {
    const number = shardOf(bringer, path);
    const shard = await openShard(number).catch(() => undefined);
    return notes.find(number, bringer, path) ?? shard?.find(bringer, path);
  }

  return {
    async find(bringer, path) {
      const found = await find(bringer, path);
      return found && 'bringer' in found ? found : undefined;
    },
    async findMaker(path) {
      const found = await find(ANYBODY, path);
      return found && 'maker' in found ? found : undefined;
    },
    note: (record) => notes.add(shardOf(bringerOf(record), record.path), record),
    flush: () => notes.flush(),
    noticesChanges: () => (notices ??= movesCtime(join(folder, `.ftx-probe-${life}`)).catch(() => false)),
  };
}

/** Records on their way to the disk: all of one turn are written at once. A failure loses them, and nothing else. */
function createNotes(openShard: (number: number) => Promise<LedgerShard>, closeShard: (number: number) => void) {
  /** By shard, then by bringer and path: the last record of each. */
  let waiting = new Map<number, Map<string, LedgerRecord>>();
  let writing = waiting;
  /** Ends when everything that was noted so far is written. Nobody waits for what others note after that. */
  let last: Promise<void> = Promise.resolve();
  const keyOf = (bringer: string, path: string): string => `${bringer}\0${path}`;

  async function write(number: number, records: readonly LedgerRecord[]): Promise<void> {
    const shard = await openShard(number);
    try {
      shard.append(records);
    } catch (error) {
      // Its folder may have been removed: the next call makes it again.
      closeShard(number);
      throw error;
    }
    if (shard.isCrowded) await shard.compact();
  }

  async function writeAll(): Promise<void> {
    await new Promise(setImmediate);
    writing = waiting;
    waiting = new Map<number, Map<string, LedgerRecord>>();
    for (const [number, records] of writing) {
      await write(number, [...records.values()]).catch(() => undefined);
      writing.delete(number);
    }
  }

  return {
    /** The record that is not written yet. */
    find(shard: number, bringer: string, path: string): LedgerRecord | undefined {
      const key = keyOf(bringer, path);
      return waiting.get(shard)?.get(key) ?? writing.get(shard)?.get(key);
    },
    add(shard: number, record: LedgerRecord): void {
      if (waiting.size === 0) last = last.then(writeAll);
      const records = waiting.get(shard) ?? new Map<string, LedgerRecord>();
      waiting.set(shard, records.set(keyOf(bringerOf(record), record.path), record));
    },
    flush: () => last,
  };
}

/** Whether the permission bits of a file change its ctime, after longer than a tick of the system's clock. */
async function movesCtime(path: string): Promise<boolean> {
  const handle = await open(path, 'wx', 0o600);
  try {
    const before = await handle.stat({ bigint: true });
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    await handle.chmod(0o400);
    const after = await handle.stat({ bigint: true });
    return after.ctimeNs !== before.ctimeNs;
  } finally {
    await handle.close();
    await unlink(path);
  }
}

/** Records of one folder are in one shard, because they are asked for together. Remembers the last folder. */
function createShardFinder(count: number): (bringer: string, path: string) => number {
  let last: { readonly text: string; readonly shard: number } | undefined;
  return (bringer, path) => {
    const text = `${bringer}\0${path.slice(0, path.lastIndexOf('/') + 1)}`;
    if (last?.text !== text) last = { text, shard: Number(hashText(text, 0n) % BigInt(count)) };
    return last.shard;
  };
}
