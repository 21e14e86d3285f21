/** A Sink without a disk, for session tests; held to the same contract as the one over a folder. */
import { FtxError } from '../../src/core/errors.js';
import { type Entry, BLOCK_BYTES } from '../../src/core/entry.js';
import type { Bringer } from '../../src/core/inbox.js';
import type { Outlook, PartFile, Placed, Plan, PresentFile, Sink, Vouched, WholeFile } from '../../src/core/sink.js';
import { decideFile, foreseeFile, isKept, type Existing } from '../../src/storage/names/conflict.js';
import { numberName } from '../../src/storage/names/free-name.js';
import { assertLinkTarget, parsePath } from '../../src/storage/names/safe-path.js';

export interface MemorySinkOptions {
  readonly onConflict?: 'rename' | 'overwrite' | 'skip' | 'fail';
  readonly maxSize?: number;
  /** Default true. */
  readonly isKnown?: boolean;
  /** Whether small files are stored together. Default: no. */
  readonly storesTogether?: boolean;
  /** Entries that a list may have. */
  readonly maxFiles?: number;
  /** Bytes that there is room for, as far as a list is concerned. */
  readonly free?: number;
  /** What another session has left. */
  readonly entries?: Map<string, MemoryEntry>;
  /** Where transfers that break off are kept for this bringer; without it none are. */
  readonly keep?: { readonly kept: Map<string, KeptPart>; readonly bringer: Bringer };
}

interface MemoryFile {
  readonly kind: 'file';
  readonly content: Uint8Array;
  readonly mode: number;
  readonly mtimeNs: bigint;
}

/** A transfer that broke off. */
export interface KeptPart {
  readonly bringer: Bringer;
  readonly path: string;
  readonly size: number;
  readonly bytes: number;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly digests: readonly bigint[];
}

export type MemoryEntry =
  | MemoryFile
  | { readonly kind: 'directory'; readonly mode: number; readonly mtimeNs: bigint }
  | { readonly kind: 'symlink'; readonly target: string };

export interface MemorySink extends Sink {
  /** What stands under final names, by path. Tests may plant in it. */
  readonly entries: Map<string, MemoryEntry>;
  /** Part files neither committed nor discarded. */
  readonly parts: Set<PartFile>;
}

export function createMemorySink(options: MemorySinkOptions = {}): MemorySink {
  const { onConflict = 'rename', maxSize = Infinity, maxFiles = Infinity, free = Infinity } = options;
  const { entries = new Map<string, MemoryEntry>(), isKnown = true } = options;
  const parts = new Set<PartFile>();
  const own = new Set<string>();

  function makeParents(components: readonly string[]): void {
    for (let depth = 1; depth < components.length; depth++) {
      const path = components.slice(0, depth).join('/');
      const there = entries.get(path);
      if (there && there.kind !== 'directory') throw new FtxError('bad-parent', `${path}: is not a folder.`);
      if (!there) makeDirectory(path);
    }
  }

  function makeDirectory(path: string): void {
    entries.set(path, { kind: 'directory', mode: 0o755, mtimeNs: 0n });
    own.add(path);
  }

  function freeName(path: string): string {
    let name = path;
    for (let n = 1; entries.has(name); n++) name = numberPath(path, n);
    return name;
  }

  function settle(path: string, entry: MemoryEntry): Placed {
    const same = entry.kind === 'file' ? findSame(path, entry.content) : undefined;
    if (same !== undefined) return { as: same, already: true };
    const name = onConflict === 'rename' ? freeName(path) : path;
    const there = entries.get(name);
    if (there && (onConflict !== 'overwrite' || there.kind === 'directory')) throw existsError(path);
    entries.set(name, entry);
    return { as: name };
  }

  /** The path of a file with this content that stands at the path, or for `rename` at a numbered form of it. */
  function findSame(path: string, content: Uint8Array): string | undefined {
    if (!entries.has(path)) return undefined;
    const numbered = onConflict === 'rename' ? [1, 2, 3, 4, 5, 6, 7, 8].map((number) => numberPath(path, number)) : [];
    return [path, ...numbered].find((name) => {
      const there = entries.get(name);
      return there?.kind === 'file' && Buffer.compare(there.content, content) === 0;
    });
  }

  function findPresent(offer: Entry, { canProve }: Vouched): PresentFile | undefined {
    const there = entries.get(offer.path);
    const decision = decideFile(onConflict, offer, there && describeEntry(there), isKnown);
    if (decision !== 'prove' || !canProve || there?.kind !== 'file') return undefined;
    const receiveBeside = () => Promise.resolve(createPart(offer));
    return { ...present(offer, there), ...(!isKept(onConflict) && { receiveBeside }) };
  }

  function present(offer: Entry, file: MemoryFile): PresentFile {
    const { path } = offer;
    async function* blocks(): AsyncGenerator<Uint8Array, void, undefined> {
      assertThere(path, file);
      yield* splitBlocks(file.content);
      assertThere(path, file);
    }
    const receiveFirst = () => Promise.resolve(createPart(offer));
    return { state: 'present', as: path, id: idOf(file), accept: () => undefined, blocks, receiveFirst };
  }

  function assertThere(path: string, file: MemoryFile): void {
    if (entries.get(path) !== file) throw new FtxError('changed', `${path}: another file took its place.`);
  }

  function createPart(offer: Entry): PartFile {
    const { keep } = options;
    const key = keep && JSON.stringify([keep.bringer, offer.path, offer.size, String(offer.mtimeNs)]);
    const before = key === undefined ? undefined : keep?.kept.get(key);
    let content = before?.content ?? new Uint8Array();
    const digests = [...(before?.digests ?? [])];
    let ended = false;
    const part: PartFile = {
      state: 'part',
      durable: [...digests],
      confirm: (offset, digest) => void (digests[offset / BLOCK_BYTES] = digest),
      async suspend() {
        await part.discard();
        if (!keep || key === undefined || digests.length === 0 || offer.size === null) return 0;
        const { path, size } = offer;
        keep.kept.set(key, {
          bringer: keep.bringer,
          path,
          size,
          bytes: digests.length * BLOCK_BYTES,
          content,
          digests,
        });
        return Math.min(digests.length * BLOCK_BYTES, size);
      },
      async write(block, offset) {
        await Promise.resolve();
        if (ended) throw new FtxError('aborted', `${offer.path}: is no longer being received.`);
        if (offset + block.length > maxSize) throw new FtxError('too-large', `${offer.path}: is too large.`);
        content = growTo(content, offset + block.length);
        content.set(block, offset);
      },
      writeZeros: (length, offset) => part.write(new Uint8Array(length), offset),
      async commit(size) {
        await Promise.resolve();
        if (ended) throw new FtxError('aborted', `${offer.path}: is no longer being received.`);
        await part.discard();
        if (size !== content.length) throw new FtxError('io', `${offer.path}: ${content.length} of ${size} bytes.`);
        return settle(offer.path, { kind: 'file', content, mode: offer.mode ?? 0o644, mtimeNs: offer.mtimeNs });
      },
      discard() {
        ended = true;
        if (key !== undefined) keep?.kept.delete(key);
        parts.delete(part);
        return Promise.resolve();
      },
    };
    parts.add(part);
    return part;
  }

  function placeDirectory(offer: Entry): Placed {
    const there = entries.get(offer.path);
    if (there && there.kind !== 'directory') throw existsError(offer.path);
    if (!there) makeDirectory(offer.path);
    if (!own.has(offer.path)) return { as: offer.path, already: true };
    entries.set(offer.path, { kind: 'directory', mode: offer.mode ?? 0o755, mtimeNs: offer.mtimeNs });
    return { as: offer.path };
  }

  function placeLink(offer: Entry, target: string): Placed {
    const there = entries.get(offer.path);
    if (there?.kind === 'symlink' && there.target === target) return { as: offer.path, already: true };
    return settle(offer.path, { kind: 'symlink', target });
  }

  /** The parent that is in the way, or undefined. */
  function findObstacle(components: readonly string[]): string | undefined {
    const parents = components.slice(0, -1).map((_, depth) => components.slice(0, depth + 1).join('/'));
    return parents.find((path) => entries.has(path) && entries.get(path)?.kind !== 'directory');
  }

  function foresee(offer: Entry, isDryRun: boolean): Outlook {
    const path = parsePath(offer.path);
    if (offer.size !== null && offer.size > maxSize) throw new FtxError('too-large', `${offer.path}: is too large.`);
    if (offer.kind === 'symlink') assertLinkTarget(path, offer.target ?? '');
    if (findObstacle(path.components) !== undefined) throw new FtxError('bad-parent', `${offer.path}: no folder.`);
    const there = entries.get(offer.path);
    if (offer.kind === 'file') {
      const fate = foreseeFile(onConflict, offer, there && describeEntry(there), { isKnown, isDryRun });
      return { fate, offset: 0, ...(fate === 'rename' && { as: freeName(offer.path) }) };
    }
    if (!there) return { fate: 'new', offset: 0 };
    if (offer.kind === 'directory' && there.kind === 'directory') return { fate: 'already', offset: 0 };
    const isSame = there.kind === 'symlink' && there.target === offer.target;
    if (isKnown && isSame) return { fate: 'already', offset: 0 };
    if (offer.kind === 'directory') throw existsError(offer.path);
    if (onConflict === 'rename') return { fate: 'rename', offset: 0, as: freeName(offer.path) };
    if (onConflict !== 'overwrite' || there.kind === 'directory') throw existsError(offer.path);
    return { fate: 'replace', offset: 0 };
  }

  function plan(isDryRun: boolean): Plan {
    let listed = 0;
    let needed = 0;
    return {
      async add(offer) {
        await Promise.resolve();
        listed += 1;
        if (listed > maxFiles) throw new FtxError('too-many', 'These are too many.');
        const outlook = foresee(offer, isDryRun);
        if (outlook.fate !== 'already') needed += offer.size ?? 0;
        return outlook;
      },
      async total() {
        await Promise.resolve();
        if (needed > free) throw new FtxError('no-space', 'There is no room for all.');
        return { needed, free: Number.isSafeInteger(free) ? free : null };
      },
      close: () => undefined,
    };
  }

  function storePlainly({ offer, content }: WholeFile): Placed | 'singly' {
    try {
      const { components } = parsePath(offer.path);
      if (content.length > maxSize || entries.has(offer.path)) return 'singly';
      makeParents(components);
      const { mode, mtimeNs, path } = offer;
      entries.set(path, { kind: 'file', content: Uint8Array.from(content), mode: mode ?? 0o644, mtimeNs });
      return { as: path };
    } catch {
      return 'singly';
    }
  }

  async function storeTogether(files: readonly WholeFile[]): Promise<(Placed | 'singly')[]> {
    await Promise.resolve();
    return files.map(storePlainly);
  }

  return {
    isDurable: true,
    entries,
    parts,
    plan,
    ...(options.storesTogether && { storeTogether }),
    async open(offer, vouched = { canProve: false }) {
      await Promise.resolve();
      const path = parsePath(offer.path);
      if (offer.kind !== 'file') throw new FtxError('unsupported', `${offer.path}: is no file.`);
      if (offer.size !== null && offer.size > maxSize) throw new FtxError('too-large', `${offer.path}: is too large.`);
      makeParents(path.components);
      return findPresent(offer, vouched) ?? createPart(offer);
    },
    async place(offer) {
      await Promise.resolve();
      const path = parsePath(offer.path);
      if (offer.kind === 'file') throw new FtxError('unsupported', `${offer.path}: is a file.`);
      if (offer.kind === 'symlink') assertLinkTarget(path, offer.target ?? '');
      makeParents(path.components);
      return offer.kind === 'directory' ? placeDirectory(offer) : placeLink(offer, offer.target ?? '');
    },
    finish: () => undefined,
  };
}

let files = 0;
const ids = new WeakMap<MemoryFile, string>();

function idOf(file: MemoryFile): string {
  const id = ids.get(file) ?? `file ${++files}`;
  ids.set(file, id);
  return id;
}

function describeEntry(entry: MemoryEntry): Existing {
  const size = entry.kind === 'file' ? entry.content.length : 0;
  return { kind: entry.kind, size, mtimeNs: entry.kind === 'symlink' ? 0n : entry.mtimeNs };
}

function existsError(path: string): FtxError {
  return new FtxError('exists', `${path}: something of that name is there already and is not replaced.`);
}

function numberPath(path: string, number: number): string {
  const cut = path.lastIndexOf('/') + 1;
  return path.slice(0, cut) + numberName(path.slice(cut), number);
}

function growTo(content: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  if (content.length >= size) return content;
  const grown = new Uint8Array(size);
  grown.set(content);
  return grown;
}

export async function* splitBlocks(content: Uint8Array, from = 0): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = from; at < content.length; at += BLOCK_BYTES) {
    await Promise.resolve();
    yield content.subarray(at, at + BLOCK_BYTES);
  }
}
