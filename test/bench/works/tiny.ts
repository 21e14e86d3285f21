/** What starting up costs. */
import { durable, name, renderResults, seconds, spread, timesFtx } from '../columns.js';
import { TINY_BYTES } from '../sizes.js';
import { stockFile } from '../stock.js';
import { formatBytes } from '../table.js';
import { runContest } from './contest.js';
import type { Work } from './work.js';

export const tiny: Work = {
  id: 'tiny',
  needsBytes: () => 0,
  async run(bench) {
    const total = { files: 1, bytes: TINY_BYTES };
    const job = { sources: [await stockFile(bench.scratch, 'tiny', TINY_BYTES)], total, hasUsage: false };
    const { results, problems } = await runContest(bench, { kind: 'file', job });
    return {
      title: `One file of ${formatBytes(TINY_BYTES)}`,
      table: renderResults([name('tool'), durable, seconds, spread, timesFtx(results)], results),
      notes: problems,
      results,
    };
  },
};
