/** A file that is there already and may be the offered one. */
import { lstatSync, type BigIntStats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { FtxError } from '../../core/errors.js';
import type { PartFile, PresentFile } from '../../core/sink.js';
import { showPath } from '../disk/disk-error.js';
import { idOf } from '../disk/held-folder.js';
import { readFile } from '../disk/read-file.js';
import { MAY_READ, type Close } from './open-up.js';
import type { HeldPlace, Place } from './place.js';

export interface PresentOptions {
  readonly place: Place;
  /** Finds and holds the place again, when the file is read. */
  readonly findPlace: () => Promise<HeldPlace>;
  /** Receives the content, and compares it as it comes. */
  readonly receiveFirst: () => Promise<PartFile>;
  /** Receives the offered file after all. Missing where a file with other content is refused. */
  readonly receiveBeside?: () => Promise<PartFile>;
  /** The name of the file in the folder of the place. */
  readonly name: string;
  /** Its digest, if the sender has brought it and nobody has touched it since. */
  readonly digest?: string | undefined;
  /** Told that the sender has the same content, with the digest of the file. */
  readonly onSame: (as: string, digest: string, stats: BigIntStats) => void;
}

/** Opens the file at a place, to be compared with the offered one. Throws what the system throws if it is gone. */
export async function openPresent(options: PresentOptions): Promise<PresentFile> {
  const { place, findPlace, receiveFirst, receiveBeside, name, digest, onSame } = options;
  let stats = await lstat(join(place.folder, name), { bigint: true });
  const as = place.path.sibling(name);
  const onClosed = (now: BigIntStats) => (stats = now);
  return {
    state: 'present',
    as,
    // Not the ctime: it changes when a closed file is opened to be compared.
    id: [stats.dev, stats.ino, stats.size, stats.mtimeNs].join(),
    digest,
    accept: (same) => onSame(as, same, stats),
    blocks: () => readPresent(findPlace, name, stats, onClosed),
    receiveFirst,
    ...(receiveBeside && { receiveBeside }),
  };
}

/** `onClosed` is told how a file looks that was opened for the moment, because that has changed its ctime. */
async function* readPresent(
  findPlace: () => Promise<HeldPlace>,
  name: string,
  stats: BigIntStats,
  onClosed: (now: BigIntStats) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const place = await findPlace();
  const file = join(place.folder, name);
  let closeMode: Close | undefined;
  try {
    closeMode = place.makeReadable(name, stats);
    const known = { file, path: place.path.text, stats: lookAgain(file, stats) };
    // Another program may have written the file, and not durable. The answer "stored" promises a durable file.
    yield* readFile(known, 0, async (handle) => {
      await place.durability.file(handle);
      await place.durability.folder(place.folder);
    });
    closeMode?.();
    onClosed(lookAgain(file, stats));
  } catch (error) {
    if (error instanceof FtxError && error.code === 'changed') throw error;
    const message = `${showPath(place.path.text)}: a file of that name is there already and could not be compared.`;
    throw new FtxError('exists', message, { cause: error });
  } finally {
    closeMode?.();
    place.release();
  }
}

/** The file as it is now if it can have been opened for the moment, and nothing else has changed. */
function lookAgain(file: string, stats: BigIntStats): BigIntStats {
  if ((stats.mode & BigInt(MAY_READ)) !== 0n) return stats;
  const now = lstatSync(file, { bigint: true });
  const isSame = idOf(now) === idOf(stats) && now.size === stats.size && now.mtimeNs === stats.mtimeNs;
  return isSame ? now : stats;
}
