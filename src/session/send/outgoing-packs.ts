/**
 * Small files on their way out in packs: PROTOCOL.md section 5, pack.
 *
 * Files are read as they come, several at a time, and written into a pack in their order. One pack is on its way out
 * while the next is filled, so there is memory for two.
 */
import { digestBlock, formatDigest } from '../../core/checksum.js';
import type { Entry } from '../../core/entry.js';
import { FtxError, toFtxError } from '../../core/errors.js';
import type { Source } from '../../core/source.js';
import {
  MAX_PACK_BYTES,
  MAX_PACK_CONTENT_BYTES,
  MAX_PACK_ENTRIES,
  PACK_PREFIX_BYTES,
} from '../../protocol/constants.js';
import { encodeEntryHead, measureEntry, writeEntry } from '../../protocol/pack-entry.js';
import type { SenderTask, SenderWatch } from '../shares.js';
import type { Condition } from './condition.js';
import type { PackedFile } from './open-packs.js';
import type { OutgoingEntries } from './outgoing-entries.js';

/** Bytes of all entries of a pack. */
const ENTRIES_BYTES = MAX_PACK_BYTES - PACK_PREFIX_BYTES;
/** Files that are read at the same time, where the disk takes its time. */
const MAX_READING = 8;
/** A pack goes out after so many milliseconds, so that the receiver sees something move while the sender reads slowly. */
const MAX_FILL_MS = 250;

export interface OutgoingPacksOptions {
  readonly entries: OutgoingEntries;
  /** Notified whenever the entries have changed. */
  readonly changed: Condition;
  readonly watch: SenderWatch;
  /** Whether the receiver takes pins. */
  readonly tellsPins: boolean;
  /** Whether the receiver has said that it has this very file, so that no content is needed. */
  readonly isThere: (entry: Entry) => boolean;
}

/** A file that goes into the pack. */
interface Item {
  readonly source: Source;
  readonly head: Uint8Array;
  readonly started: number;
  /** The content, or why it cannot be read. Undefined until it is read. */
  content?: Promise<Uint8Array | FtxError>;
}

export class OutgoingPacks {
  readonly #options: OutgoingPacksOptions;
  /** Files that are not in the memory of the pack yet, in order. */
  #items: Item[] = [];
  /** Files that are. */
  #files: PackedFile[] = [];
  /** Entries that were added since the last flush, and the bytes that they take. */
  #count = 0;
  #planned = 0;
  /** Bytes that are in memory. */
  #filled = 0;
  #memory: Uint8Array | undefined;
  /** The other memory, which is on its way out until `sending` resolves. */
  #spare: Uint8Array | undefined;
  #sending = Promise.resolve();
  #time: SenderTask | undefined;

  constructor(options: OutgoingPacksOptions) {
    this.#options = options;
  }

  /** Takes a file into the pack. Resolves with false if it is to be offered by itself. */
  async add(source: Source): Promise<boolean> {
    const { entry, pin } = source;
    if (!isSmall(entry) || this.#options.isThere(entry)) return false;
    const head = encodeEntryHead(entry, this.#options.tellsPins ? pin : undefined);
    if (!head) return false;
    const bytes = measureEntry({ head: head.length, content: entry.size });
    const started = performance.now();
    if (this.#isDue(bytes, started)) await this.flush();
    this.#count += 1;
    this.#planned += bytes;
    this.#items.push({ source, head, started });
    // A lone file is offered by itself, so the first one is read once there is a second.
    if (this.#count > 1) await this.#read();
    return true;
  }

  /** Whether the pack has to go out before a file that takes so many bytes in it. */
  #isDue(bytes: number, now: number): boolean {
    const first = this.#files[0]?.started ?? this.#items[0]?.started ?? now;
    const isFull = this.#count === MAX_PACK_ENTRIES || this.#planned + bytes > ENTRIES_BYTES;
    return isFull || now - first >= MAX_FILL_MS;
  }

  async #read(): Promise<void> {
    this.#time ??= this.#options.watch.begin();
    this.#time.enter('source');
    for (const item of this.#items) item.content ??= readWhole(item.source);
    if (this.#items.length >= MAX_READING) await this.#fill();
  }

  /** Writes the file that has waited longest into the memory. */
  async #fill(): Promise<void> {
    const item = this.#items.shift();
    if (!item?.content) return;
    const content = await item.content;
    const { source, head, started } = item;
    if (content instanceof FtxError) return this.#options.entries.failUnsent(source, content);
    this.#time?.enter('cpu');
    this.#memory ??= new Uint8Array(ENTRIES_BYTES);
    this.#filled = writeEntry(this.#memory, this.#filled, head, content);
    this.#files.push({ source, started, size: content.length, digest: formatDigest(digestBlock(content)) });
    this.#time?.enter('source');
  }

  /** Sends what was added. Resolves when it is on its way, in front of what is offered after that. */
  async flush(): Promise<void> {
    const lone = this.#count === 1 ? this.#items.pop() : undefined;
    while (this.#items.length > 0) await this.#fill();
    [this.#count, this.#planned] = [0, 0];
    if (lone) await this.#options.entries.offer(lone.source);
    else if (this.#memory && this.#files.length > 0) await this.#send(this.#memory);
    this.#time?.end();
    this.#time = undefined;
  }

  async #send(memory: Uint8Array): Promise<void> {
    const { entries, changed } = this.#options;
    this.#time?.enter('network');
    // Rejects where the connection is lost.
    await this.#sending;
    // Other offers may have taken the place that the wait was for.
    do await changed.until(() => entries.canPack);
    while (!entries.canPack);
    this.#sending = entries.sendPack(this.#files, memory.subarray(0, this.#filled));
    // The next pack awaits it. If it fails before that, it is no unhandled rejection.
    this.#sending.catch(() => undefined);
    [this.#memory, this.#spare] = [this.#spare, memory];
    [this.#files, this.#filled] = [[], 0];
  }
}

function isSmall(entry: Entry): entry is Entry & { readonly size: number } {
  return entry.kind === 'file' && entry.size !== null && entry.size <= MAX_PACK_CONTENT_BYTES;
}

const NOTHING = new Uint8Array(0);

/** Reads a small file as a whole. Resolves with the reason if that fails. */
async function readWhole(source: Source): Promise<Uint8Array | FtxError> {
  const { path, size } = source.entry;
  try {
    let content: Uint8Array = NOTHING;
    // The source looks whether it has changed once more after its last block.
    for await (const block of source.blocks(0)) content = block;
    if (content.length === size) return content;
    return new FtxError('changed', `${path}: its size changed while it was being sent. Send it again.`);
  } catch (error) {
    return toFtxError(error, 'unreadable');
  }
}
