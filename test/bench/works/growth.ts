/** Does a unit of work cost the same when there is much more of it? */
import { name, peaks, renderResults, seconds, spread, type Column } from '../columns.js';
import { openPost, type Job } from '../post.js';
import { runRounds, type Contender, type Result } from '../rounds.js';
import { median } from '../stats.js';
import { formatNumber } from '../table.js';
import { ftx } from '../tools/ftx.js';
import { describeFailures } from './contest.js';
import type { Bench, Section } from './work.js';

export interface Size {
  readonly name: string;
  /** In what the title of the cost column counts. */
  readonly units: number;
  readonly job: Job;
  /** Before each measure, outside of what is timed. */
  readonly prepare?: () => Promise<void>;
}

/** The first size is what the others are compared with. Each has a receiver of its own, or their peaks would mix. */
export async function compareSizes(
  bench: Bench,
  title: string,
  costTitle: string,
  sizes: readonly Size[],
): Promise<Section> {
  const contenders: Contender[] = [];
  for (const [i, size] of sizes.entries())
    contenders.push(await enter(size, bench.scratch, `${costTitle.replace(/\W/g, '-')}-${i}`));
  const results = await runRounds(contenders, bench.rounds, bench.report);
  const cost = ({ contender, samples }: Result) => {
    const { units = NaN } = sizes.find((size) => size.name === contender.name) ?? {};
    return median(samples.map((sample) => sample.seconds)) / units;
  };
  const columns: Column[] = [
    name('ftx'),
    seconds,
    spread,
    { title: costTitle, cell: (result) => formatNumber(cost(result)) },
    { title: '× the first', cell: (result) => formatNumber(results[0] && cost(result) / cost(results[0])) },
    ...peaks,
  ];
  return { title, table: renderResults(columns, results), notes: describeFailures(results), results };
}

async function enter({ name, job, prepare }: Size, scratch: string, folder: string): Promise<Contender> {
  const post = await openPost(ftx, scratch, folder);
  return {
    name,
    durable: ftx.durable,
    async measure() {
      await prepare?.();
      return post.deliver(job);
    },
    tidy: () => post.tidy(),
    close: () => post.close(),
  };
}
