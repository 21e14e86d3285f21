/**
 * The delivery ledger: who brought what to a receive folder, and how ftx left it there.
 *
 * It only saves time. A file that the ledger knows, and that nobody has touched, is already there with nothing read. A
 * file that it does not know is compared by its content. So the ledger may be removed at any time, a record may be lost,
 * and no failure of the ledger is a failure of a file.
 *
 * The records lie in `.ftx-ledger` in the receive folder, for this user alone, in shards by bringer and folder. A shard
 * is read when it is first asked for: an index of numbers stays in memory, and the record itself is read again for each
 * answer. Each process life appends to files of its own, without a sync. Lines that are torn or damaged are skipped.
 */
import { hash, randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { LedgerShard } from './ledger-shard.js';
import type { Delivery } from './ledger-record.js';

export const LEDGER_FOLDER = '.ftx-ledger';
const SHARDS = 64;
const DEFAULT_MAX_BYTES = 1024 ** 3;
/** Milliseconds, several ticks of the clock that the system takes the times of files from. */
const TICK_MS = 30;
/** Seconds for which the ledger remembers a file that is gone. */
const KEEP_GONE_SECONDS = 30 * 24 * 60 * 60;

export interface Ledger {
  /** Finds the last delivery of the path by the bringer. Never fails. */
  find(bringer: string, path: string): Promise<Delivery | undefined>;
  /** Notes a delivery. Never fails. */
  note(delivery: Delivery): void;
  /**
   * Whether a change of a file in the folder shows in its time of change (ctime). It does not on FAT, and on many
   * file systems of a network. Tried once, when it is first asked for.
   */
  noticesChanges(): Promise<boolean>;
  /** Resolves when everything that was noted is written. */
  flush(): Promise<void>;
}

/** Opens the ledger of a receive folder. Reads nothing yet. */
export function openLedger(dir: string, maxBytes = DEFAULT_MAX_BYTES): Ledger {
  const folder = join(dir, LEDGER_FOLDER);
  const life = `${Date.now().toString(36).padStart(9, '0')}-${randomBytes(4).toString('hex')}`;
  const shards = new Map<number, Promise<LedgerShard>>();
  let notices: Promise<boolean> | undefined;

  function isOld({ as, at }: Delivery): boolean {
    if (at + KEEP_GONE_SECONDS > Date.now() / 1000) return false;
    return lstatSync(join(dir, as), { throwIfNoEntry: false }) === undefined;
  }

  function openShard(number: number): Promise<LedgerShard> {
    const known = shards.get(number);
    if (known) return known;
    const prefix = `.ftx-${number.toString(16).padStart(2, '0')}-`;
    const options = { dir: folder, prefix, own: prefix + life, maxBytes: maxBytes / SHARDS, isOld };
    const opened = mkdir(folder, { mode: 0o700 })
      .catch(() => undefined)
      .then(() => LedgerShard.open(options));
    shards.set(number, opened);
    // A later call tries again.
    opened.catch(() => shards.delete(number));
    return opened;
  }

  const shardOf = createShardFinder();
  const notes = createNotes(openShard, (number) => shards.delete(number));
  return {
    async find(bringer, path) {
      await notes.flush();
      const shard = await openShard(shardOf(bringer, path)).catch(() => undefined);
      return shard?.find(bringer, path);
    },
    note: (delivery) => notes.add(shardOf(delivery.bringer, delivery.path), delivery),
    flush: () => notes.flush(),
    noticesChanges: () => (notices ??= movesCtime(join(folder, `.ftx-probe-${life}`)).catch(() => false)),
  };
}

/** Deliveries on their way to the disk: all of one turn are written at once. A failure loses them, and nothing else. */
function createNotes(openShard: (number: number) => Promise<LedgerShard>, closeShard: (number: number) => void) {
  const waiting = new Map<number, Delivery[]>();
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    await new Promise(setImmediate);
    for (const [number, deliveries] of waiting) {
      waiting.delete(number);
      const shard = await openShard(number);
      try {
        shard.append(deliveries);
      } catch (error) {
        // Its folder may have been removed: the next call makes it again.
        closeShard(number);
        throw error;
      }
      if (shard.isCrowded) await shard.compact();
    }
  }

  function flush(): Promise<void> {
    if (waiting.size === 0 && !writing) return Promise.resolve();
    writing ??= write()
      .catch(() => undefined)
      .finally(() => (writing = undefined));
    return writing.then(() => (waiting.size > 0 ? flush() : undefined));
  }

  function add(shard: number, delivery: Delivery): void {
    const deliveries = waiting.get(shard);
    if (deliveries) deliveries.push(delivery);
    else waiting.set(shard, [delivery]);
    void flush();
  }

  return { add, flush };
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

/** Deliveries of one folder are in one shard, because they are asked for together. Remembers the last folder. */
function createShardFinder(): (bringer: string, path: string) => number {
  let last: { readonly text: string; readonly shard: number } | undefined;
  return (bringer, path) => {
    const text = `${bringer}\0${path.slice(0, path.lastIndexOf('/') + 1)}`;
    if (last?.text !== text) last = { text, shard: (hash('sha256', text, 'buffer')[0] ?? 0) % SHARDS };
    return last.shard;
  };
}
