/** Reads packs of small files from the connection into memory: PROTOCOL.md section 5, pack. */
import { FtxError } from '../../core/errors.js';
import type { WholeFile } from '../../core/sink.js';
import type { Channel } from '../../protocol/channel.js';
import { MAX_PACK_CONTENT_BYTES, MAX_PACK_HEAD_BYTES } from '../../protocol/constants.js';
import type { PackMessage } from '../../protocol/messages.js';
import { measureEntry } from '../../protocol/pack-entry.js';
import type { ReceiverWatch } from '../shares.js';
import type { BlockPool, Lease } from './block-pool.js';
import { readFiles, type Vouch } from './pack-files.js';

/** Memory of a session itself for a small pack, or for a portion of a large one. Any entry fits. */
const PORTION_BYTES = measureEntry({ head: MAX_PACK_HEAD_BYTES, content: MAX_PACK_CONTENT_BYTES });
/** Bounds the memory for what the entries of a portion say. */
const PORTION_ENTRIES = 128;
/** After a large pack that took longer than this to arrive, the sender counts as slow. */
const SLOW_MS = 250;
/** For so long a portion keeps the frames behind it waiting. */
const PATIENCE_MS = 5_000;

/** Stores files that are in memory together. `id` is that of the first of them. Never rejects; their memory is in use until it resolves. */
export type StorePortion = (id: number, files: readonly WholeFile[]) => Promise<void>;

export interface PackIntakeOptions {
  readonly channel: Channel;
  readonly pool: BlockPool;
  readonly watch: ReceiverWatch;
  readonly vouch: Vouch;
}

/**
 * A pack is read as a whole, into pooled memory if it is large, and stored while
 * the next frames arrive. When the pool is empty, and for a slow sender, a large
 * pack is read and stored in portions, one after the other. So no sender waits
 * for memory that a slower one holds, and memory does not grow with the number
 * of senders. A portion may have to wait for what the frames behind the pack
 * bring. Then the rest of the pack is thrown away, and comes again by offers,
 * which may wait without memory.
 */
export class PackIntake {
  readonly #options: PackIntakeOptions;
  /** Milliseconds that the current pack has been waited for. */
  #waitedMs = 0;
  #isSlow = false;

  constructor(options: PackIntakeOptions) {
    this.#options = options;
  }

  /**
   * Reads the entries that follow `head`, and has them stored. Resolves with the id of the first entry that has to come
   * again; undefined if none has to. Throws FtxError `protocol`, and what Channel.readContent throws.
   */
  async take(head: PackMessage, store: StorePortion): Promise<number | undefined> {
    if (head.length <= PORTION_BYTES && head.count <= PORTION_ENTRIES)
      return this.#takeWhole(head, { bytes: Buffer.allocUnsafe(head.length), release: () => undefined }, store);
    this.#waitedMs = 0;
    const lease = this.#isSlow ? undefined : this.#options.pool.take();
    const taken = lease ? this.#takeWhole(head, lease, store) : this.#takeInPortions(head, store);
    return taken.finally(() => (this.#isSlow = this.#waitedMs > SLOW_MS));
  }

  async #takeWhole(head: PackMessage, lease: Lease, store: StorePortion): Promise<number | undefined> {
    let files: readonly WholeFile[];
    try {
      const all = lease.bytes.subarray(0, head.length);
      await this.#read(all);
      const read = readFiles(all, head.count, this.#options.vouch);
      if (read.files.length === head.count) assertEnd(head.length - read.end);
      files = read.files;
    } catch (error) {
      lease.release();
      throw error;
    }
    void store(head.id, files).then(() => lease.release());
    return idAfter(head, files.length);
  }

  async #takeInPortions(head: PackMessage, store: StorePortion): Promise<number | undefined> {
    const memory = Buffer.allocUnsafe(Math.min(PORTION_BYTES, head.length));
    /** Entries that were taken, bytes that are in memory, and bytes that have not been read. */
    let [taken, here, left] = [0, 0, head.length];
    while (taken < head.count) {
      const more = Math.min(memory.length - here, left);
      await this.#read(memory.subarray(here, here + more));
      [here, left] = [here + more, left - more];
      const most = Math.min(PORTION_ENTRIES, head.count - taken);
      const { files, end } = readFiles(memory.subarray(0, here), most, this.#options.vouch);
      const id = head.id + taken;
      taken += files.length;
      if (taken === head.count) assertEnd(here - end + left);
      // Without files, the next entry is damaged. A portion that is not over goes on using the memory.
      if (files.length === 0 || !(await this.#isSoonOver(store(id, files)))) break;
      memory.copyWithin(0, end, here);
      here -= end;
    }
    await this.#options.channel.skipContent(left);
    return idAfter(head, taken);
  }

  /** Whether the frames behind a portion need not wait for long until it is stored. */
  async #isSoonOver(stored: Promise<void>): Promise<boolean> {
    const { watch } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS, false)));
    watch.enter('disk');
    const isOver = await Promise.race([stored.then(() => true), late]);
    watch.enter('cpu');
    clearTimeout(timer);
    return isOver;
  }

  async #read(target: Uint8Array): Promise<void> {
    const { watch, channel } = this.#options;
    const started = performance.now();
    watch.enter('network');
    await channel.readContent(target);
    watch.enter('cpu');
    this.#waitedMs += performance.now() - started;
  }
}

/** The id of the entry after the first `taken` ones; undefined after the last. */
function idAfter({ id, count }: PackMessage, taken: number): number | undefined {
  return taken < count ? id + taken : undefined;
}

/** Throws FtxError `protocol` if bytes are left over after the last entry. */
function assertEnd(left: number): void {
  if (left > 0) throw new FtxError('protocol', 'The peer sent a pack with bytes after its last entry.');
}
