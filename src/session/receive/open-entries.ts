/** The entries of one session that are open, by id, and the rules for the ids in a sender's frames. */
import { FtxError } from '../../core/errors.js';
import type { IncomingEntry, IncomingEntryIn } from './incoming-entry.js';

/** States in which the sender may send frames for an entry. */
type Answered = IncomingEntryIn<Exclude<IncomingEntry['state'], 'opening'>>;

export class OpenEntries {
  readonly #entries = new Map<number, IncomingEntry>();
  readonly #most: number;
  #lastId = 0;
  #endedAt = -Infinity;

  /** At most `most` entries may be open at once. */
  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** performance.now() when an entry was last taken out. */
  get endedAt(): number {
    return this.#endedAt;
  }

  /** Takes the id of a new offer. Throws FtxError `protocol` if it is out of order, or too many entries are open. */
  claim(id: number): void {
    if (id <= this.#lastId) throw new FtxError('protocol', `The peer offered the id ${id} twice or out of order.`);
    if (this.count >= this.#most) throw new FtxError('protocol', `The peer has more than ${this.#most} offers open.`);
    this.#lastId = id;
  }

  /** Adds an entry, or puts it in the place of the same entry in another state. */
  set(entry: IncomingEntry): void {
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
    if (entry?.state === 'opening')
      throw new FtxError('protocol', `The peer did not wait until the id ${id} was ready.`);
    return entry;
  }

  /** Takes an entry out; undefined if it is not open. */
  remove(id: number): IncomingEntry | undefined {
    const entry = this.#entries.get(id);
    if (this.#entries.delete(id)) this.#endedAt = performance.now();
    return entry;
  }

  /** All open entries, as a copy. */
  list(): readonly IncomingEntry[] {
    return [...this.#entries.values()];
  }
}
