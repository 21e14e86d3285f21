import { extname } from 'node:path';

const NAME_BYTES_MAX = 255;
/** What follows the last dot of a longer "extension" is a sentence, not a file type. */
const EXTENSION_BYTES_MAX = 32;

/** `photo.jpg` as `photo (1).jpg`: the stem is shortened, at a character, to stay within 255 bytes. */
export function numberName(name: string, number: number): string {
  const extension = extensionOf(name);
  const suffix = ` (${number})${extension}`;
  const stem = name.slice(0, name.length - extension.length);
  return truncateUtf8(stem, NAME_BYTES_MAX - Buffer.byteLength(suffix)) + suffix;
}

/**
 * Claims `name`, or the first free numbered form of it. `claim` says false when
 * the candidate is taken, which others may do between the search and the claim.
 * The search doubles its step and then halves it: the n-th file of one name
 * costs O(log n) lookups, and every number below a free one need not be taken.
 */
export async function claimFreeName(
  name: string,
  claim: (candidate: string) => Promise<boolean>,
  isTaken: (candidate: string) => Promise<boolean>,
): Promise<string> {
  if (await claim(name)) return name;
  for (let taken = 0; ; ) {
    const free = await findFreeNumber(taken, (number) => isTaken(numberName(name, number)));
    const candidate = numberName(name, free);
    if (await claim(candidate)) return candidate;
    taken = free;
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
