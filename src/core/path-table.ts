/** A small number for each of very many paths, which takes 16 to 48 bytes a path, however long the paths are. */
import { hashText } from './checksum.js';

/** The slots of a new table. Their number doubles whenever three quarters of them are used. */
const FIRST_SLOTS = 1024;
/** Random, so that nobody can choose names that are taken for each other. */
const SEED = crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n;

/** Of forty million tables of a million paths each, about one takes two of its paths for the same. */
export class PathTable {
  /** Hashes of the paths; 0 where the slot is free. */
  #keys = new BigUint64Array(FIRST_SLOTS);
  #values = new Uint32Array(FIRST_SLOTS);
  #count = 0;

  /** Returns 0 for a path that was never set. */
  get(path: string): number {
    return this.#values[this.#find(hashPath(path))] ?? 0;
  }

  /** `value`: a whole number from 0 to 2^32 - 1. */
  set(path: string, value: number): void {
    const key = hashPath(path);
    const slot = this.#find(key);
    if (this.#keys[slot] === 0n) this.#count += 1;
    this.#keys[slot] = key;
    this.#values[slot] = value;
    if (this.#count * 4 > this.#keys.length * 3) this.#grow();
  }

  /** Returns the slot of the key, or the free slot where it belongs. */
  #find(key: bigint): number {
    const mask = this.#keys.length - 1;
    let slot = Number(key & 0x7fff_ffffn) & mask;
    for (let there; (there = this.#keys[slot]) !== key && there !== 0n;) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new BigUint64Array(2 * keys.length);
    this.#values = new Uint32Array(2 * keys.length);
    for (const [at, key] of keys.entries()) {
      if (key === 0n) continue;
      const slot = this.#find(key);
      this.#keys[slot] = key;
      this.#values[slot] = values[at] ?? 0;
    }
  }
}

function hashPath(path: string): bigint {
  return hashText(path, SEED) || 1n;
}
