/** Time per file of a very large tree against that of a large one. */
import { TREE_FILE_BYTES } from '../sizes.js';
import { stockTree } from '../stock.js';
import { compareSizes, type Size } from './growth.js';
import type { Work } from './work.js';

export const count: Work = {
  id: 'count',
  needsBytes: ({ treeFiles, manyFiles }, rounds) => (rounds + 1) * (treeFiles + manyFiles) * TREE_FILE_BYTES,
  async run(bench) {
    const sizes: Size[] = [];
    for (const files of [bench.sizes.treeFiles, bench.sizes.manyFiles]) {
      sizes.push({
        name: `${files.toLocaleString('en-US')} files`,
        units: files / 1000,
        job: {
          sources: [await stockTree(bench.scratch, files)],
          total: { files, bytes: files * TREE_FILE_BYTES },
          hasUsage: true,
        },
      });
    }
    return compareSizes(bench, 'Cost against number of files', 'ms per file', sizes);
  },
};
