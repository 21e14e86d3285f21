/** Finds a free name beside one that is taken: `photo (1).jpg` for `photo.jpg`. */
import { extname } from 'node:path';

const NAME_BYTES_MAX = 255;
/** A longer "extension" is no file type but text that contains a dot. */
const EXTENSION_BYTES_MAX = 32;

/** Puts a number into a name: `photo.jpg` becomes `photo (1).jpg`. Cuts the stem, at a character, so that the name stays within 255 bytes. */
export function numberName(name: string, number: number): string {
  const extension = extensionOf(name);
  const suffix = ` (${number})${extension}`;
  const stem = name.slice(0, name.length - extension.length);
  return truncateUtf8(stem, NAME_BYTES_MAX - Buffer.byteLength(suffix)) + suffix;
}

export interface NameSearch {
  /** The absolute path of the name without a number. Searches for the same path run one after the other. */
  readonly path: string;
  readonly name: string;
  /** Takes the candidate; false if it exists. Another process may create it at any moment. */
  readonly claim: (candidate: string) => Promise<boolean>;
  readonly isTaken: (candidate: string) => Promise<boolean>;
  /**
   * Finds a name that makes a number needless. Called in turn, when the name itself is taken, and again whenever another
   * process takes the number that was found.
   */
  readonly findInstead?: () => Promise<string | undefined>;
}

/** The name that was found, and whether it was claimed. */
export interface FoundName {
  readonly name: string;
  readonly isClaimed: boolean;
}

/**
 * Process-wide, by path, while a search runs. Without turns, fifty files of one name would take each other's number
 * away again and again.
 */
const queues = new Map<string, { last: Promise<unknown>; taken: number; waiting: number }>();

/**
 * Claims the name, or else a numbered form of it, unless findInstead has a name that makes that needless. The search doubles its step and then
 * halves it, so that the n-th file of one name costs O(log n) lookups. A lower number that became free may stay unused.
 */
export async function claimFreeName(search: NameSearch): Promise<FoundName> {
  if (await search.claim(search.name)) return { name: search.name, isClaimed: true };
  const queue = queues.get(search.path) ?? { last: Promise.resolve(), taken: 0, waiting: 0 };
  queues.set(search.path, queue);
  queue.waiting++;
  const turn = queue.last.then(() => claimNumber(search, queue));
  queue.last = turn.catch(() => undefined);
  return turn.finally(() => {
    if (--queue.waiting === 0) queues.delete(search.path);
  });
}

/** Returns the numbered form that claimFreeName would try first. `name` is taken. */
export async function findFreeName(name: string, isTaken: NameSearch['isTaken']): Promise<string> {
  return numberName(name, await findFreeNumber(0, (number) => isTaken(numberName(name, number))));
}

/** The number is found first, so that findInstead sees whatever other processes have put under the numbers below. */
async function claimNumber(
  { name, claim, isTaken, findInstead }: NameSearch,
  queue: { taken: number },
): Promise<FoundName> {
  for (;;) {
    const free = await findFreeNumber(queue.taken, (number) => isTaken(numberName(name, number)));
    const instead = await findInstead?.();
    if (instead !== undefined) return { name: instead, isClaimed: false };
    const candidate = numberName(name, free);
    const isClaimed = await claim(candidate);
    queue.taken = free;
    if (isClaimed) return { name: candidate, isClaimed };
  }
}

async function findFreeNumber(from: number, isTaken: (number: number) => Promise<boolean>): Promise<number> {
  let taken = from;
  let step = 1;
  while (await isTaken(taken + step)) {
    taken += step;
    step *= 2;
  }
  let free = taken + step;
  while (free - taken > 1) {
    const middle = taken + Math.floor((free - taken) / 2);
    if (await isTaken(middle)) taken = middle;
    else free = middle;
  }
  return free;
}

function extensionOf(name: string): string {
  const extension = extname(name);
  return Buffer.byteLength(extension) > EXTENSION_BYTES_MAX ? '' : extension;
}

function truncateUtf8(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  let end = bytes;
  while (end > 0 && ((encoded[end] ?? 0) & 0xc0) === 0x80) end--;
  return encoded.toString('utf8', 0, end);
}
