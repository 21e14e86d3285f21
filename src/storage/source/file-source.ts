/** A file as a Source. */
import { closeSync, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { MIN_RESUMABLE_BYTES } from '../../core/entry.js';
import type { Source } from '../../core/source.js';
import { STAT_BLOCK_BYTES } from '../disk/disk-figures.js';
import { createLatencyGuard } from '../disk/latency.js';
import { assertLength, assertUnchanged, readError, READ_FLAGS, readFile, type FoundFile } from '../disk/read-file.js';
import { pinOf } from './pin.js';
import { createSourceJournal } from './source-journal.js';

/** A file of at most this many bytes is read at once, in one call. */
const SMALL_BYTES = 64n * 1024n;

/** Tells whether the disk of the sent files answers promptly. */
const disk = createLatencyGuard();

/**
 * Makes the Source of a file. `stateDir`: the folder that keeps digests for a transfer that breaks off; without it none
 * are kept. `pinKey`: the key of its pin; without it the source has none.
 */
export function createFileSource(known: FoundFile, stateDir?: string, pinKey?: Buffer): Source {
  const { path, stats } = known;
  const size = Number(stats.size);
  const allocated = Number(stats.blocks) * STAT_BLOCK_BYTES;
  const entry = {
    path,
    kind: 'file',
    size,
    allocated: allocated < size ? allocated : undefined,
    mtimeNs: stats.mtimeNs,
    mode: Number(stats.mode & 0o777n),
  } as const;
  const source = {
    entry,
    pin: pinKey && pinOf(stats, pinKey),
    blocks: (from: number) => (from === 0 && isAtHand(known) ? readAtOnce(known) : readFile(known, from)),
  };
  if (stateDir === undefined || entry.size < MIN_RESUMABLE_BYTES) return source;
  return { ...source, journal: createSourceJournal(known, stateDir) };
}

function isAtHand({ stats }: FoundFile): boolean {
  return stats.size <= SMALL_BYTES && disk.isFast();
}

async function* readAtOnce(known: FoundFile): AsyncGenerator<Uint8Array, void, undefined> {
  const content = disk.time(() => readWhole(known));
  if (content.length > 0) yield await Promise.resolve(content);
}

function readWhole(known: FoundFile): Uint8Array {
  let fd: number | undefined;
  try {
    fd = openSync(known.file, READ_FLAGS);
    assertUnchanged(known, fstatSync(fd, { bigint: true }));
    const size = Number(known.stats.size);
    // One byte more than the size, to see that nothing follows: a read that gets less than it asks for is at the end.
    const content = Buffer.allocUnsafe(size + 1);
    let done = 0;
    let read: number;
    do {
      read = readSync(fd, content, done, content.length - done, null);
      done += read;
    } while (read > 0 && done < size);
    assertLength(done === size, known, fd);
    assertUnchanged(known, lstatSync(known.file, { bigint: true }));
    return content.subarray(0, size);
  } catch (error) {
    throw readError(error, known.path);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
