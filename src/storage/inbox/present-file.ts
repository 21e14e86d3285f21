/** A file that is there already and may be the offered one. */
import type { BigIntStats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { FtxError } from '../../core/errors.js';
import type { PartFile, PresentFile } from '../../core/sink.js';
import { showPath } from '../disk/disk-error.js';
import { readFile } from '../disk/read-file.js';
import type { HeldPlace, Place } from './place.js';

export interface PresentOptions {
  readonly place: Place;
  /** Finds and holds the place again, when the file is read. */
  readonly findPlace: () => Promise<HeldPlace>;
  /** Receives the offered file after all. Missing where a file with other content is refused. */
  readonly receiveBeside?: () => Promise<PartFile>;
}

/** Opens the file at a place, to be compared with the offered one. Throws what the system throws if it is gone. */
export async function openPresent({ place, findPlace, receiveBeside }: PresentOptions): Promise<PresentFile> {
  const stats = await lstat(join(place.folder, place.path.name), { bigint: true });
  return {
    state: 'present',
    as: place.path.text,
    blocks: () => readPresent(findPlace, stats),
    ...(receiveBeside && { receiveBeside }),
  };
}

async function* readPresent(
  findPlace: () => Promise<HeldPlace>,
  stats: BigIntStats,
): AsyncGenerator<Uint8Array, void, undefined> {
  const place = await findPlace();
  try {
    const known = { file: join(place.folder, place.path.name), path: place.path.text, stats };
    // Another program may have written the file, and not durable. The answer "stored" promises a durable file.
    yield* readFile(known, 0, async (handle) => {
      await place.durability.file(handle);
      await place.durability.folder(place.folder);
    });
  } catch (error) {
    if (error instanceof FtxError && error.code === 'changed') throw error;
    const message = `${showPath(place.path.text)}: a file of that name is there already and could not be compared.`;
    throw new FtxError('exists', message, { cause: error });
  } finally {
    place.release();
  }
}
