/** Seconds per GB of a huge file against those of a large one. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeSparseFile } from '../files.js';
import { run } from '../processes.js';
import { formatBytes } from '../table.js';
import { compareSizes, type Size } from './growth.js';
import type { Work } from './work.js';

export const size: Work = {
  id: 'size',
  // The sources are nearly all holes.
  needsBytes: ({ hugeBytes, fileBytes }) => 1.1 * (hugeBytes + fileBytes),
  async run(bench) {
    const folder = join(bench.scratch, 'sparse');
    await mkdir(folder);
    const sizes: Size[] = [];
    for (const bytes of [bench.sizes.fileBytes, bench.sizes.hugeBytes]) sizes.push(await prepareSize(folder, bytes));
    const section = await compareSizes(bench, 'Cost against size', 's/GB', sizes);
    const note =
      'The sources are files of holes with a little data, and not in the page cache: the larger one would not fit in it.';
    return { ...section, notes: [note, ...section.notes] };
  },
};

async function prepareSize(folder: string, bytes: number): Promise<Size> {
  const path = join(folder, `${bytes}.bin`);
  await makeSparseFile(path, bytes);
  await run('sync', '-f', path);
  return {
    name: formatBytes(bytes),
    units: bytes / 1e9,
    job: { sources: [path], total: { files: 1, bytes }, hasUsage: true },
    // dd's way to drop a file from the page cache.
    prepare: () => run('dd', `if=${path}`, 'iflag=nocache', 'count=0'),
  };
}
