/** Where each delivery of a shard is written: a hash table of numbers, about 24 bytes a record. */
import type { Key } from './ledger-record.js';

/** Where a line stands. */
export interface LinePlace {
  /** The number of the file in its shard. */
  readonly file: number;
  /** Bytes. */
  readonly offset: number;
}

const SLOT = 4;
const MIN_SLOTS = 64;
/** The table grows by half when more of it is in use, so that between 53 and 80 of 100 slots are. */
const MAX_LOAD = 0.8;
const GROWTH = 1.5;

export class LedgerIndex {
  #slots = new Uint32Array(MIN_SLOTS * SLOT);
  #count = 0;

  /** Records in it. */
  get count(): number {
    return this.#count;
  }

  /** Notes the place of a key. A later place takes that of an earlier one. */
  set(key: Key, place: LinePlace): void {
    if ((this.#count + 1) * SLOT > this.#slots.length * MAX_LOAD) this.#grow();
    this.#put(key, place);
  }

  get(key: Key): LinePlace | undefined {
    const at = this.#find(key);
    if (this.#slots[at] === 0) return undefined;
    return { file: this.#slots[at + 2] ?? 0, offset: this.#slots[at + 3] ?? 0 };
  }

  /** All places, in no order. */
  *places(): Generator<LinePlace> {
    for (let at = 0; at < this.#slots.length; at += SLOT)
      if (this.#slots[at] !== 0) yield { file: this.#slots[at + 2] ?? 0, offset: this.#slots[at + 3] ?? 0 };
  }

  #put(key: Key, { file, offset }: LinePlace): void {
    const at = this.#find(key);
    if (this.#slots[at] === 0) this.#count += 1;
    this.#slots.set([key[0], key[1], file, offset], at);
  }

  /** The slot of the key, or the empty one that it would take. */
  #find([high, low]: Key): number {
    const slots = this.#slots.length / SLOT;
    for (let slot = low % slots; ; slot = (slot + 1) % slots) {
      const at = slot * SLOT;
      const there = this.#slots[at];
      if (there === 0 || (there === high && this.#slots[at + 1] === low)) return at;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(Math.ceil((old.length / SLOT) * GROWTH) * SLOT);
    this.#count = 0;
    for (let at = 0; at < old.length; at += SLOT) {
      const [high = 0, low = 0, file = 0, offset = 0] = old.subarray(at, at + SLOT);
      if (high !== 0) this.#put([high, low], { file, offset });
    }
  }
}
