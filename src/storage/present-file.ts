import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { FtxError } from '../errors.js';
import type { PartFile, PresentFile } from '../ports.js';
import type { Place } from './commit.js';
import { showPath } from './disk-error.js';
import { readFile, type KnownFile } from './file-source.js';
import { syncFolder } from './durable-folder.js';

/** The file that stands at a place, to be compared with what is offered. */
export async function openPresent(place: Place, receiveBeside?: () => Promise<PartFile>): Promise<PresentFile> {
  const file = join(place.folder, place.name);
  const known = { file, path: place.path, stats: await lstat(file, { bigint: true }) };
  return {
    state: 'present',
    as: place.path,
    blocks: () => readPresent(known, place.folder),
    ...(receiveBeside && { receiveBeside }),
  };
}

async function* readPresent(known: KnownFile, folder: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    // Whoever wrote it need not have made it durable, and "stored" says that it is.
    yield* readFile(known, 0, async (handle) => {
      await handle.sync();
      await syncFolder(folder);
    });
  } catch (error) {
    const message = `${showPath(known.path)}: a file of that name is there already and could not be compared.`;
    throw new FtxError('exists', message, { cause: error });
  }
}
