/** Names that a file system takes for one although they are written differently. */
import { hash } from 'node:crypto';
import { lstat, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { makePartName, PART_SUFFIX } from './part-name.js';

/** All spellings of one name as the same text. */
export type Fold = (name: string) => string;

/** Names of all lists under way: beyond that, collisions show only when the entries are stored. */
const MAX_NAMES = 1_000_000;
/** The memory of a new list; doubled when it is half full. */
const FIRST_SLOTS = 1024;

/** How the folder folds names; undefined where every spelling is a name of its own. */
export async function probeFold(dir: string): Promise<Fold | undefined> {
  const name = makePartName();
  const accented = name.replace(PART_SUFFIX, `\u00e9${PART_SUFFIX}`);
  const foldsCase = await isSameName(dir, name, name.toUpperCase());
  const foldsForm = await isSameName(dir, accented, accented.normalize('NFD'));
  if (!foldsCase && !foldsForm) return undefined;
  return createFold(foldsCase, foldsForm);
}

export function createFold(foldsCase: boolean, foldsForm: boolean): Fold {
  // Lower case may come apart into letter and accent, so the form comes last.
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
    // A name that it does not even take is none that it could confuse.
    return false;
  } finally {
    await unlink(path).catch(() => undefined);
  }
}

/** Process-wide. */
let namesKept = 0;

/** The names of one list, 16 to 64 bytes for each. */
export class NameSet {
  readonly #fold: Fold;
  /** Pairs: hash of the folded name, 0 where free, and hash of the name as it is. */
  #slots = new Float64Array(2 * FIRST_SLOTS);
  #count = 0;

  constructor(fold: Fold) {
    this.#fold = fold;
  }

  /** Adds a path. False when it is there already, written differently. */
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

  /** Forgets all. Safe to call more than once. */
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

/** Where the hash is, or where it would be. */
function findSlot(slots: Float64Array, folded: number): number {
  const mask = slots.length / 2 - 1;
  let slot = folded % (mask + 1);
  while (slots[2 * slot] !== 0 && slots[2 * slot] !== folded) slot = (slot + 1) & mask;
  return 2 * slot;
}

/** 52 bits, never 0: among a million names two are taken for one in a list of ten thousand. */
function hashName(name: string): number {
  const digest = hash('sha1', name, 'buffer');
  return digest.readUIntBE(0, 6) * 16 + (digest.readUInt8(6) & 15) + 1;
}
