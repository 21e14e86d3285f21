/** The entries of one session that are open, by id, and the rules for the ids in a sender's frames. */
import { FtxError } from '../../core/errors.js';
import { MAX_OPEN_PACKS } from '../../protocol/constants.js';
import type { PackMessage } from '../../protocol/messages.js';
import type { IncomingEntry, IncomingEntryIn } from './incoming-entry.js';

/** States in which the sender may send frames for an entry. */
type Answered = IncomingEntryIn<Exclude<IncomingEntry['state'], 'queued' | 'opening'>>;

export class OpenEntries {
  readonly #entries = new Map<number, IncomingEntry>();
  /** The packs that have not been answered: the last id of each by its first. */
  readonly #packs = new Map<number, number>();
  readonly #most: number;
  /** Entries of packs that are open by themselves. */
  #ofPacks = 0;
  #lastId = 0;
  #endedAt = -Infinity;

  /** At most `most` entries may be open at once. A pack counts as one. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Entries and packs. */
  get count(): number {
    return this.#entries.size + this.#packs.size;
  }

  /** performance.now() when an entry or a pack was last taken out. */
  get endedAt(): number {
    return this.#endedAt;
  }

  /** Takes the id of a new offer. Throws FtxError `protocol` if it is out of order, or too many entries are open. */
  claim(id: number): void {
    if (id <= this.#lastId) throw new FtxError('protocol', `The peer offered the id ${id} twice or out of order.`);
    if (this.count - this.#ofPacks >= this.#most)
      throw new FtxError('protocol', `The peer has more than ${this.#most} offers open.`);
    this.#lastId = id;
  }

  /** Takes the ids of a new pack. Throws as claim() does, and if too many packs are open. */
  claimPack({ id, count }: PackMessage): void {
    this.claim(id);
    if (this.#packs.size >= MAX_OPEN_PACKS)
      throw new FtxError('protocol', `The peer has more than ${MAX_OPEN_PACKS} packs open.`);
    this.#lastId = id + count - 1;
    this.#packs.set(id, this.#lastId);
  }

  /** Whether the id is that of an entry of a pack that has not been answered. */
  isInPack(id: number): boolean {
    for (const [first, last] of this.#packs) if (id >= first && id <= last) return true;
    return false;
  }

  /** The pack with this first id is answered. */
  endPack(id: number): void {
    if (this.#packs.delete(id)) this.#endedAt = performance.now();
  }

  /** The session breaks off in the middle of a pack, of which no entry tells. Those that were read before are only to be stored. */
  breakOff(): void {
    this.#packs.clear();
  }

  /** Adds an entry, or puts it in the place of the same entry in another state. */
  set(entry: IncomingEntry): void {
    if (entry.whole && !this.#entries.has(entry.id)) this.#ofPacks += 1;
    this.#entries.set(entry.id, entry);
  }

  has(id: number): boolean {
    return this.#entries.has(id);
  }

  /** Undefined if it is not open. */
  stateOf(id: number): IncomingEntry['state'] | undefined {
    return this.#entries.get(id)?.state;
  }

  /** Whether the entry is open and still in this state. */
  isCurrent(entry: IncomingEntry): boolean {
    return this.#entries.get(entry.id) === entry;
  }

  /**
   * The entry that a frame is about; undefined if the entry has come to its end,
   * because frames for it may still be on the way. Throws FtxError `protocol` if
   * it was never offered, or the sender did not wait for the answer to its offer.
   */
  find(id: number): Answered | undefined {
    if (id > this.#lastId)
      throw new FtxError('protocol', `The peer sent something for the id ${id}, which it never offered.`);
    const entry = this.#entries.get(id);
    if (this.isInPack(id) || entry?.state === 'queued')
      throw new FtxError('protocol', `The peer sent something for the id ${id}, which came in a pack.`);
    if (entry?.state === 'opening')
      throw new FtxError('protocol', `The peer did not wait until the id ${id} was ready.`);
    return entry;
  }

  /** Takes an entry out; undefined if it is not open. */
  remove(id: number): IncomingEntry | undefined {
    const entry = this.#entries.get(id);
    if (!this.#entries.delete(id)) return undefined;
    if (entry?.whole) this.#ofPacks -= 1;
    this.#endedAt = performance.now();
    return entry;
  }

  /** All open entries, as a copy. */
  list(): readonly IncomingEntry[] {
    return [...this.#entries.values()];
  }
}
