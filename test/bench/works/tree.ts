/** Many small files in folders. */
import { cpu, durable, name, peaks, renderResults, seconds, spread, timesFtx } from '../columns.js';
import { TREE_FILE_BYTES } from '../sizes.js';
import { stockTree } from '../stock.js';
import { formatBytes } from '../table.js';
import { runContest } from './contest.js';
import type { Work } from './work.js';

export const tree: Work = {
  id: 'tree',
  // Six tools at most, and the source.
  needsBytes: ({ treeFiles }, rounds) => (6 * rounds + 1) * treeFiles * TREE_FILE_BYTES,
  async run(bench) {
    const { treeFiles: files } = bench.sizes;
    const total = { files, bytes: files * TREE_FILE_BYTES };
    const job = { sources: [await stockTree(bench.scratch, files)], total, hasUsage: true };
    const { results, problems } = await runContest(bench, { kind: 'tree', job });
    const columns = [name('tool'), durable, seconds, spread, timesFtx(results), cpu, ...peaks];
    return {
      title: `A tree of ${files.toLocaleString('en-US')} files of ${formatBytes(TREE_FILE_BYTES)}`,
      table: renderResults(columns, results),
      notes: problems,
      results,
    };
  },
};
