/** One large file, beside the limits of the machine. */
import {
  medianSeconds,
  cpuPerGb,
  durable,
  name,
  peaks,
  rate,
  renderResults,
  seconds,
  spread,
  timesFtx,
} from '../columns.js';
import { enterDisk, enterLoopback } from '../limits.js';
import type { Result } from '../rounds.js';
import { stockFile } from '../stock.js';
import { formatBytes } from '../table.js';
import { runContest } from './contest.js';
import type { Work } from './work.js';

export const file: Work = {
  id: 'file',
  needsBytes: ({ fileBytes }) => 3 * fileBytes,
  async run(bench) {
    const { fileBytes: bytes } = bench.sizes;
    const job = {
      sources: [await stockFile(bench.scratch, 'large', bytes)],
      total: { files: 1, bytes },
      hasUsage: true,
    };
    const others = [(scratch: string) => enterDisk(scratch, bytes), () => enterLoopback(bytes)];
    const { results, problems } = await runContest(bench, { kind: 'file', job, others });
    const columns = [name('tool'), durable, seconds, spread, rate(bytes), timesFtx(results), cpuPerGb(bytes), ...peaks];
    return {
      title: `One file of ${formatBytes(bytes)}`,
      table: renderResults(columns, results),
      notes: [...describeLimit(results), ...problems],
      results,
    };
  },
};

function describeLimit(results: readonly Result[]): string[] {
  const ftx = results.find(({ contender }) => contender.name === 'ftx');
  const limits = results.filter(({ contender, samples }) => contender.name.startsWith('limit') && samples.length > 0);
  if (!ftx || limits.length === 0) return [];
  const lower = limits.reduce((a, b) => (medianSeconds(a) > medianSeconds(b) ? a : b));
  const share = Math.round((100 * medianSeconds(lower)) / medianSeconds(ftx));
  return [`ftx reaches ${share} % of the lower limit (${lower.contender.name.replace('limit: ', '')}).`];
}
