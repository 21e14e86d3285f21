/** Many sender processes at once. */
import { cpuPerGb, durable, name, peaks, rate, renderResults, seconds, spread, timesFtx } from '../columns.js';
import { enterCrowd } from '../crowd.js';
import { stockFile } from '../stock.js';
import { formatBytes } from '../table.js';
import { ftx } from '../tools/ftx.js';
import { runContest } from './contest.js';
import type { Bench, Work } from './work.js';

export const senders: Work = {
  id: 'senders',
  needsBytes: (sizes) => 3 * sizes.senders * sizes.senderBytes,
  async run(bench) {
    const { senders: count, senderBytes } = bench.sizes;
    const bytes = count * senderBytes;
    const job = { sources: await stockFiles(bench), total: { files: count, bytes }, hasUsage: true };
    const crowd = { name: 'ftx, all sessions from one process', senders: count, bytes: senderBytes };
    const others = bench.tools.includes(ftx) ? [(scratch: string) => enterCrowd(scratch, crowd)] : [];
    const { results, problems } = await runContest(bench, { kind: 'file', job, others });
    const columns = [name('tool'), durable, seconds, spread, rate(bytes), timesFtx(results), cpuPerGb(bytes), ...peaks];
    return {
      title: `${count} senders at once, ${formatBytes(senderBytes)} each`,
      table: renderResults(columns, results),
      notes: [
        `Each sender is a process of its own, so ${count} processes are started within the time. nc and socat have a receiver each, the others one daemon.`,
        'From one process: the same files from memory, over as many connections of one process that is running already.',
        ...problems,
      ],
      results,
    };
  },
};

async function stockFiles({ scratch, sizes }: Bench): Promise<string[]> {
  const paths: string[] = [];
  for (let i = 0; i < sizes.senders; i++) paths.push(await stockFile(scratch, `sender-${i}`, sizes.senderBytes));
  return paths;
}
