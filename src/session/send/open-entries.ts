/** The table of a sender's open entries: their ids, and the places that they take at the receiver. */
import { FtxError } from '../../core/errors.js';
import type { Message } from '../../protocol/messages.js';
import { OpenPacks, type PackedFile } from './open-packs.js';
import type { OpenEntry, OpenPack } from './outgoing-entry.js';

/** An entry without an id. */
export interface Unnumbered extends Pick<OpenEntry, 'source' | 'started' | 'follows'> {
  /** performance.now() from when on the receiver owes the answer to the offer; without it, from the offer on. */
  readonly since?: number | undefined;
}

export class OpenEntries {
  /** Places at the receiver. */
  readonly #places: number;
  /** Places that are taken. A pack takes one. */
  #taken = 0;
  readonly #open = new Map<number, OpenEntry>();
  readonly #packs = new OpenPacks();
  /** Entries that have lost their ids, and wait for a place under another one. */
  readonly #waiting: Unnumbered[] = [];
  /** Entries that are not directories, and not at their end. */
  #files = 0;
  #lastId = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Whether all entries are at their end, and all packs are answered. */
  get isEmpty(): boolean {
    return this.#open.size + this.#waiting.length + this.#packs.count === 0;
  }

  get hasFiles(): boolean {
    return this.#files > 0;
  }

  get hasPlace(): boolean {
    return this.#taken < this.#places;
  }

  get hasPlaceForPack(): boolean {
    return this.hasPlace && this.#packs.hasRoom;
  }

  /** Those that have an id. */
  all(): Iterable<OpenEntry> {
    return this.#open.values();
  }

  /** All for which the receiver may owe something: these, and one entry of each pack, which is owed an answer as a whole. */
  *owed(): Generator<OpenEntry> {
    yield* this.#open.values();
    yield* this.#packs.firsts();
  }

  has({ id }: OpenEntry): boolean {
    return this.#open.has(id);
  }

  /** Finds the open entry of a message. Undefined for an entry that is at its end, because messages of both sides may cross. */
  find({ type, id }: Message): OpenEntry | undefined {
    if (id === 0 || id > this.#lastId)
      throw new FtxError('protocol', `The receiver sent ${type} for the id ${id}, which was never offered.`);
    return this.#open.get(id);
  }

  /** Adds an entry that is offered now. `isNew`: unless it has waited here. */
  add({ since = performance.now(), ...kept }: Unnumbered, isNew: boolean): OpenEntry {
    const entry: OpenEntry = { ...kept, id: ++this.#lastId, awaited: { what: 'an answer to the offer', since } };
    this.#open.set(entry.id, entry);
    this.#taken += 1;
    if (isNew && kept.source.entry.kind !== 'directory') this.#files += 1;
    return entry;
  }

  addPack(files: readonly PackedFile[]): OpenPack {
    const pack = this.#packs.add(this.#lastId + 1, files);
    for (const entry of pack.entries) this.#open.set(entry.id, entry);
    this.#lastId += files.length;
    this.#files += files.length;
    this.#taken += 1;
    return pack;
  }

  /** Takes `packed`. Returns the entries of the pack that are still open. Throws FtxError `protocol`. */
  closePack(id: number): readonly OpenEntry[] {
    const pack = this.#packs.close(id);
    this.#taken -= 1;
    return pack.entries.filter((entry) => this.has(entry));
  }

  /** Removes an entry that has come to its end. */
  remove(entry: OpenEntry): void {
    this.#release(entry);
    if (entry.source.entry.kind !== 'directory') this.#files -= 1;
  }

  /** Lets an entry lose its id, and wait for a place under another one. */
  setAside(entry: OpenEntry, kept: Unnumbered): void {
    if (!this.has(entry)) return;
    this.#release(entry);
    this.#waiting.push(kept);
  }

  /** The next entry that was set aside, if there is a place for it. */
  takeWaiting(): Unnumbered | undefined {
    return this.hasPlace ? this.#waiting.shift() : undefined;
  }

  #release({ id, pack }: OpenEntry): void {
    this.#open.delete(id);
    if (!pack) this.#taken -= 1;
  }
}
