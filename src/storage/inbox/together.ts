/**
 * Stores many small files together. Each goes the way of commit.ts, but a step is taken for all of them before the next:
 * write the part files, make them durable, give them their names, make the folders durable, announce them. The steps run in a
 * thread of their own (disk/file-thread.ts), so that a file costs a few calls and no wait.
 *
 * Only what is plain goes this way: a file of which nobody knows, under a name that is free, for which there is room. Every
 * other file, and every file of a step that fails, is left to the caller, who opens it by itself: open-file.ts decides about
 * it, and tells why it fails. So no decision is made twice. Only a file whose name cannot be made durable fails here.
 */
import type { Entry } from '../../core/entry.js';
import type { FtxError } from '../../core/errors.js';
import type { Placed, Sink, Vouched, WholeFile } from '../../core/sink.js';
import { createTurns } from '../../core/turns.js';
import { countTogether } from '../disk/descriptors.js';
import type { Durability } from '../disk/durability.js';
import { measureContent } from '../disk/extent.js';
import { createFileThread } from '../disk/file-thread.js';
import { HOLDS_BY_DESCRIPTOR } from '../disk/held-folder.js';
import { parsePath, type EntryPath } from '../names/safe-path.js';
import { storeBatch, type PlainFile } from './batch.js';
import type { Deliveries } from './deliveries.js';
import type { EntryRoom } from './entry-room.js';
import type { Folders } from './folders.js';
import type { HeldPlace } from './place.js';

/** Files that are written before the first of them is made durable; each has a descriptor open, and so has its folder. */
const MAX_BATCH = 256;
/** Batches under way: while one waits for the disk, others are written and named. */
const BATCHES = 4;
const BATCH_FILES = Math.min(MAX_BATCH, Math.floor(countTogether() / (2 * BATCHES)));
/** Folders that are made for one batch. Files that need more go by themselves, and wait where offers have to wait. */
const MAX_NEW_FOLDERS = 256;
/** The permission bit without which only root can open a file for writing, as it is announced. */
const OWNER_WRITES = 0o200;

/** Process-wide: the batches of all sessions, in turn between the sessions. */
const turns = createTurns(BATCHES);
/** Process-wide: the thread of all batches. */
const thread = createFileThread();
let sessions = 0;

/** Counts the entries of a session. */
export interface EntryCounter {
  /** Throws FtxError `too-many`. */
  add(offer: Entry): void;
  /** A file that was counted is offered again. */
  takeBackFile(): void;
}

export interface TogetherOptions {
  readonly folders: Folders;
  readonly durability: Durability;
  readonly room: EntryRoom;
  readonly counter: EntryCounter;
  readonly deliveries?: Deliveries | undefined;
  /** The size of the largest file, in bytes. */
  readonly maxSize: number;
  readonly fileMode?: number | undefined;
  /** Throws FtxError `io` when the receive folder is another one than at the start. */
  readonly assertSameInbox?: (() => void) | undefined;
}

type Answers = (Placed | FtxError | 'singly')[];

/** Returns what Sink.storeTogether is; undefined where folders are not held by descriptors, or descriptors are few. */
export function createTogether(options: TogetherOptions): Sink['storeTogether'] {
  if (!HOLDS_BY_DESCRIPTOR || BATCH_FILES < 2) return undefined;
  const key = String((sessions += 1));
  /** By device: the disks on which nothing can be stored together. Each session finds out anew. */
  const unable = new Set<string>();
  return async (files, signal) => {
    const answers: Answers = Array.from({ length: files.length }, () => 'singly');
    const batches = Array.from({ length: Math.ceil(files.length / BATCH_FILES) }, (_, number) => number * BATCH_FILES);
    await Promise.all(
      batches.map((from) =>
        turns.run(key, () =>
          storeSome(options, files.slice(from, from + BATCH_FILES), { answers, from, unable }, signal),
        ),
      ),
    );
    return answers;
  };
}

/** Where the answers of a batch go. */
interface Target {
  readonly answers: Answers;
  readonly from: number;
  readonly unable: Set<string>;
}

async function storeSome(
  options: TogetherOptions,
  files: readonly WholeFile[],
  { answers, from, unable }: Target,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!thread.isPrompt() || !isSameInbox(options)) return;
  const places = new Places(options.folders, unable, signal);
  const makeDurable = (place: HeldPlace) => options.folders.makeDurable(place);
  const plain: PlainFile[] = [];
  try {
    for (const [number, file] of files.entries()) {
      const path = await judge(options, file);
      // No folder is made for a file that is one too many.
      if (!path || !isCounted(options, file)) continue;
      const place = await places.find(path);
      if (place) plain.push({ number, file, path, place, mode: modeOf(options, file) });
      else options.counter.takeBackFile();
    }
    await storeBatch({ ...options, thread, makeDurable }, plain, {
      onStored({ number, file, path, place }, stats) {
        const as = path.text;
        answers[from + number] = { as };
        places.noteUse(place);
        options.deliveries?.note(file.offer, file.vouched, { as, digest: file.digest, stats });
      },
      onFailed: ({ number }, error) => void (answers[from + number] = error),
      onUnable: () => void unable.add(places.device ?? ''),
    });
  } finally {
    places.close();
    for (const { number } of plain) if (answers[from + number] === 'singly') options.counter.takeBackFile();
  }
}

function isSameInbox({ assertSameInbox }: TogetherOptions): boolean {
  try {
    assertSameInbox?.();
    return true;
  } catch {
    return false;
  }
}

/** The path of a file that is plain as far as its offer and its content tell. */
async function judge(options: TogetherOptions, { offer, vouched, content }: WholeFile): Promise<EntryPath | undefined> {
  const isPlain = offer.kind === 'file' && content.length === offer.size && content.length <= options.maxSize;
  // The pages of zeros in a file are left out of it.
  if (!isPlain || measureContent(content, 0) < content.length) return undefined;
  if (!(modeOf(options, { offer }) & OWNER_WRITES)) return undefined;
  if (await isDelivered(options, offer, vouched)) return undefined;
  try {
    return parsePath(offer.path);
  } catch {
    return undefined;
  }
}

async function isDelivered({ deliveries }: TogetherOptions, offer: Entry, vouched: Vouched): Promise<boolean> {
  return (await deliveries?.find(offer, vouched)) !== undefined;
}

/** A mode without any bit stands for none. */
function modeOf({ fileMode }: TogetherOptions, { offer: { mode } }: Pick<WholeFile, 'offer'>): number {
  return fileMode ?? mode ?? 0;
}

function isCounted({ counter }: TogetherOptions, { offer }: WholeFile): boolean {
  try {
    counter.add(offer);
    return true;
  } catch {
    return false;
  }
}

/** The places of one batch: one for each folder. All are on the disk of the first. */
class Places {
  readonly #folders: Folders;
  readonly #signal: AbortSignal | undefined;
  /** By the path of the folder; undefined for one in which nothing can be stored together. */
  readonly #places = new Map<string, HeldPlace | undefined>();
  readonly #used = new Set<HeldPlace>();
  readonly #unable: ReadonlySet<string>;
  #device: string | undefined;
  #newFolders = 0;

  constructor(folders: Folders, unable: ReadonlySet<string>, signal: AbortSignal | undefined) {
    this.#folders = folders;
    this.#unable = unable;
    this.#signal = signal;
  }

  /** The disk; undefined before a place is found. */
  get device(): string | undefined {
    return this.#device;
  }

  async find(path: EntryPath): Promise<HeldPlace | undefined> {
    const folder = path.sibling('');
    if (!this.#places.has(folder)) this.#places.set(folder, await this.#open(path));
    return this.#places.get(folder);
  }

  noteUse(place: HeldPlace): void {
    this.#used.add(place);
  }

  close(): void {
    for (const place of this.#places.values())
      if (place && this.#used.has(place)) place.release();
      else place?.discard();
  }

  async #open(path: EntryPath): Promise<HeldPlace | undefined> {
    let place: HeldPlace | undefined;
    try {
      this.#newFolders += this.#folders.countMissing(path);
      if (this.#newFolders > MAX_NEW_FOLDERS) return undefined;
      place = await this.#folders.findLate(path, this.#signal);
      this.#device ??= place.ground.device;
      place.makeWritable();
      if (place.ground.device === this.#device && !this.#unable.has(this.#device)) return place;
    } catch {
      // The caller opens the file by itself, and learns why that fails.
    }
    place?.discard();
    return undefined;
  }
}
