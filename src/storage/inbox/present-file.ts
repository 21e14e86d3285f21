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
  /** Finds the place again, when the file is read. */
  readonly findPlace: () => Promise<HeldPlace>;
  readonly receiveBeside?: () => Promise<PartFile>;
}

/** The file that stands at a place, to be compared with what is offered. */
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
    // Whoever wrote it need not have made it durable, and "stored" says that it is.
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
