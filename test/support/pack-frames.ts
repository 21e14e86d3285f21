/** Packs as a peer that the test plays reads and makes them. */
import type { Entry } from '../../src/core/entry.js';
import type { Channel } from '../../src/protocol/channel.js';
import type { PackMessage } from '../../src/protocol/messages.js';
import {
  ENTRY_DIGEST_BYTES,
  ENTRY_LENGTHS_BYTES,
  isIntact,
  measureEntry,
  readHead,
  readLengths,
} from '../../src/protocol/pack-entry.js';
import { entryBytes } from './packs.js';

export interface PackFile {
  readonly entry: Entry;
  readonly pin?: string | undefined;
  readonly content: Uint8Array;
}

/** The bytes of all entries of a pack, as a sender makes them. */
export function makeEntries(files: readonly PackFile[]): Buffer {
  return Buffer.concat(files.map(({ entry, pin, content }) => entryBytes({ path: entry.path, content, pin, entry })));
}

/** Takes the entries of a pack from the channel. Throws unless each is whole and offers a file. */
export async function takeEntries(channel: Channel, { count, length }: PackMessage): Promise<PackFile[]> {
  const bytes = new Uint8Array(length);
  await channel.readContent(bytes);
  const files: PackFile[] = [];
  let at = 0;
  for (let left = count; left > 0; left--) {
    const lengths = readLengths(bytes.subarray(at, at + ENTRY_LENGTHS_BYTES))!;
    const whole = bytes.subarray(at, at + measureEntry(lengths));
    if (!isIntact(whole)) throw new Error(`An entry at byte ${at} is damaged.`);
    const head = whole.subarray(ENTRY_LENGTHS_BYTES, ENTRY_LENGTHS_BYTES + lengths.head);
    const content = whole.subarray(ENTRY_LENGTHS_BYTES + lengths.head, whole.length - ENTRY_DIGEST_BYTES);
    files.push({ ...readHead(head, lengths.content), content });
    at += whole.length;
  }
  if (at !== length) throw new Error(`${length - at} bytes are left over.`);
  return files;
}
