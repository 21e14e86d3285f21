/** Finds names that a file system takes for the same although they are written differently, such as `A` and `a`. */
import { hash } from 'node:crypto';
import { lstat, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { makePartName, PART_SUFFIX } from './part-name.js';

/** Maps all spellings of a name to the same text. */
export type Fold = (name: string) => string;

/** Bounds the names of all lists under way. Beyond it, a collision shows only when the entries are stored. */
const MAX_NAMES = 1_000_000;
/** The slots of a new list. Their number doubles whenever half of them are used. */
const FIRST_SLOTS = 1024;

/** Finds out by trying how the file system of `dir` folds names. Undefined where each spelling is a name of its own. */
export async function probeFold(dir: string): Promise<Fold | undefined> {
  const name = makePartName();
  const accented = name.replace(PART_SUFFIX, `\u00e9${PART_SUFFIX}`);
  const foldsCase = await isSameName(dir, name, name.toUpperCase());
  const foldsForm = await isSameName(dir, accented, accented.normalize('NFD'));
  if (!foldsCase && !foldsForm) return undefined;
  return createFold(foldsCase, foldsForm);
}

/** `foldsCase`: the file system ignores case. `foldsForm`: it ignores the Unicode normal form. */
export function createFold(foldsCase: boolean, foldsForm: boolean): Fold {
  // A lower-case letter may consist of letter and accent, so the Unicode form comes last.
  return (name) => {
    const cased = foldsCase ? name.toLowerCase() : name;
    return foldsForm ? cased.normalize('NFC') : cased;
  };
}

async function isSameName(dir: string, name: string, other: string): Promise<boolean> {
  const path = join(dir, name);
  try {
    await (await open(path, 'wx', 0o600)).close();
    return await lstat(join(dir, other)).then(
      () => true,
      () => false,
    );
  } catch {
    // A name that the file system refuses cannot be confused with another.
    return false;
  } finally {
    await unlink(path).catch(() => undefined);
  }
}

/** Process-wide: the names in all lists together. */
let namesKept = 0;

/** The names of one list. Each takes 16 to 64 bytes. */
export class NameSet {
  readonly #fold: Fold;
  /** Pairs of hashes: of the folded name, 0 where the slot is free, and of the name as it is. */
  #slots = new Float64Array(2 * FIRST_SLOTS);
  #count = 0;

  constructor(fold: Fold) {
    this.#fold = fold;
  }

  /** Adds a path. Returns false if the list has it already, written differently. */
  add(path: string): boolean {
    if (namesKept >= MAX_NAMES) return true;
    const exact = hashName(path);
    const folded = hashName(this.#fold(path));
    const at = findSlot(this.#slots, folded);
    if (this.#slots[at] !== 0) return this.#slots[at + 1] === exact;
    this.#slots.set([folded, exact], at);
    this.#count += 1;
    namesKept += 1;
    if (this.#count * 4 > this.#slots.length) this.#grow();
    return true;
  }

  /** Forgets all names. Safe to call more than once. */
  clear(): void {
    namesKept -= this.#count;
    this.#count = 0;
    this.#slots = new Float64Array(2 * FIRST_SLOTS);
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Float64Array(2 * old.length);
    for (let at = 0; at < old.length; at += 2) {
      const folded = old[at] ?? 0;
      if (folded !== 0) this.#slots.set(old.subarray(at, at + 2), findSlot(this.#slots, folded));
    }
  }
}

/** Returns the index of the pair with this hash, or of the free pair where it belongs. */
function findSlot(slots: Float64Array, folded: number): number {
  const mask = slots.length / 2 - 1;
  let slot = folded % (mask + 1);
  while (slots[2 * slot] !== 0 && slots[2 * slot] !== folded) slot = (slot + 1) & mask;
  return 2 * slot;
}

/** 52 bits, never 0. Of ten thousand lists of a million names, about one has two names with the same hash. */
function hashName(name: string): number {
  const digest = hash('sha1', name, 'buffer');
  return digest.readUIntBE(0, 6) * 16 + (digest.readUInt8(6) & 15) + 1;
}
