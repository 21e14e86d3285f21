/** Packs as bytes, as a sender of the test says them. */
import { encodePackHead } from '../../src/protocol/codec.js';
import type { Entry } from '../../src/core/entry.js';
import { encodeEntryHead, measureEntry, writeEntry } from '../../src/protocol/pack-entry.js';

export interface PackedFile {
  readonly path: string;
  readonly content?: string | Uint8Array;
  readonly pin?: string | undefined;
  /** What the head says otherwise than the content does. */
  readonly entry?: Partial<Entry>;
  /** Changes the bytes of the entry on the way. */
  readonly spoil?: (bytes: Uint8Array) => void;
}

const toBytes = (content: string | Uint8Array) => (typeof content === 'string' ? Buffer.from(content) : content);

/** The bytes of one entry of a pack. */
export function entryBytes({ path, content = path, pin, entry, spoil }: PackedFile): Uint8Array {
  const bytes = toBytes(content);
  const offer: Entry = { path, kind: 'file', size: bytes.length, mtimeNs: 0n, mode: 0o644, ...entry };
  const head = encodeEntryHead(offer, pin);
  if (!head) throw new Error('The head is too long.');
  const target = new Uint8Array(measureEntry({ head: head.length, content: bytes.length }));
  writeEntry(target, 0, head, bytes);
  spoil?.(target);
  return target;
}

/** The frame of a pack. `count`: what it says of the number of its entries. */
export function packFrame(id: number, files: readonly PackedFile[], count = files.length): Uint8Array {
  return frameOf(id, count, Buffer.concat(files.map(entryBytes)));
}

/** The frame of a pack with these bytes of entries. */
export function frameOf(id: number, count: number, entries: Uint8Array): Uint8Array {
  return Buffer.concat([encodePackHead({ type: 'pack', id, count, length: entries.length }), entries]);
}
