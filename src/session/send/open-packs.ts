/** The packs that the receiver has not answered by `packed`: PROTOCOL.md section 5, pack. */
import { FtxError } from '../../core/errors.js';
import type { Source } from '../../core/source.js';
import { MAX_OPEN_PACKS } from '../../protocol/constants.js';
import type { OpenEntry, OpenPack, SentFile } from './outgoing-entry.js';

/** A file whose content is in a pack. */
export interface PackedFile extends SentFile {
  readonly source: Source;
  /** performance.now() when the sender took it up. */
  readonly started: number;
}

export class OpenPacks {
  readonly #packs = new Map<number, OpenPack>();

  /** Whether one more may be sent. */
  get hasRoom(): boolean {
    return this.#packs.size < MAX_OPEN_PACKS;
  }

  get count(): number {
    return this.#packs.size;
  }

  /** The first entry of each pack, whether or not it has come to its end. */
  *firsts(): Generator<OpenEntry> {
    for (const { entries } of this.#packs.values()) yield* entries.slice(0, 1);
  }

  /** Adds a pack whose first entry has this id. */
  add(id: number, files: readonly PackedFile[]): OpenPack {
    const entries: OpenEntry[] = [];
    const awaited = { what: 'stored', since: performance.now() } as const;
    const pack: OpenPack = { id, entries, awaited, isCut: false };
    for (const ended of files) {
      const { source, started } = ended;
      entries.push({ id: id + entries.length, source, started, awaited, ended, pack });
    }
    this.#packs.set(id, pack);
    return pack;
  }

  /** Takes `packed`, and returns the pack. Throws FtxError `protocol`. */
  close(id: number): OpenPack {
    const pack = this.#packs.get(id);
    if (!pack) throw new FtxError('protocol', `The receiver answered a pack ${id}, which is not open.`);
    this.#packs.delete(id);
    // Packs are stored one after the other: the time of the next one begins now.
    for (const { awaited } of this.#packs.values()) awaited.since = performance.now();
    return pack;
  }
}

/** Takes an `again` for an entry of a pack, and returns what has not arrived: this entry, and all after it. Throws FtxError `protocol`. */
export function cutPack(pack: OpenPack, { id }: OpenEntry, offset: number): readonly OpenEntry[] {
  if (offset !== 0 || pack.isCut)
    throw new FtxError('protocol', `The receiver asked again for entry ${id} of a pack, which it may not.`);
  pack.isCut = true;
  return pack.entries.slice(id - pack.id);
}
