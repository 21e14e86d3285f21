/** A fast sender alone, and beside one that is very slow. */
import { setTimeout as sleep } from 'node:timers/promises';
import { medianSeconds, name, rate, renderResults, seconds, spread } from '../columns.js';
import { hasPartFiles } from '../files.js';
import { startLoad } from '../load.js';
import { openPost, type Job, type Post } from '../post.js';
import { runRounds, type Contender, type Result, type Sample } from '../rounds.js';
import { SLOW_RATE } from '../sizes.js';
import { stockFile } from '../stock.js';
import { formatBytes } from '../table.js';
import { ftxPlain } from '../tools/ftx.js';
import { describeFailures } from './contest.js';
import type { Work } from './work.js';

const DROP_MS = 5000;
const POLL_MS = 20;

export const slow: Work = {
  id: 'slow',
  needsBytes: ({ fileBytes }) => 3 * fileBytes,
  async run(bench) {
    const { fileBytes: bytes } = bench.sizes;
    const job = {
      sources: [await stockFile(bench.scratch, 'large', bytes)],
      total: { files: 1, bytes },
      hasUsage: true,
    };
    const post = await openPost(ftxPlain, bench.scratch, 'slow');
    const alone = enter('alone', () => post.deliver(job), post);
    const beside = enter(`beside ${SLOW_RATE / 1000} KB/s`, () => deliverBesideSlow(post, job), post);
    const results = await runRounds([alone, beside], bench.rounds, bench.report);
    await post.close();
    return {
      title: `${formatBytes(bytes)} alone, and beside a sender of ${SLOW_RATE / 1000} KB/s`,
      table: renderResults([name('ftx'), seconds, spread, rate(bytes)], results),
      notes: [...describeShare(results), ...describeFailures(results)],
      results,
    };
  },
};

function enter(name: string, measure: () => Promise<Sample>, post: Post): Contender {
  // Both share one receiver, which the work itself closes.
  return { name, durable: ftxPlain.durable, measure, tidy: () => post.tidy(), close: () => Promise.resolve() };
}

async function deliverBesideSlow(post: Post, job: Job): Promise<Sample> {
  const slow = startLoad('slow', [String(post.daemon?.port), String(SLOW_RATE)]);
  try {
    await slow.read();
    const sample = await post.deliver(job);
    if (slow.hasEnded()) throw new Error('The slow sender did not go on until the fast one had finished.');
    return sample;
  } finally {
    await slow.stop();
    await untilDropped(post.inbox);
  }
}

/** The receiver removes what the slow one has left, and not we under its feet. */
async function untilDropped(inbox: string): Promise<void> {
  const deadline = performance.now() + DROP_MS;
  while ((await hasPartFiles(inbox)) && performance.now() < deadline) await sleep(POLL_MS);
}

function describeShare([alone, beside]: readonly Result[]): string[] {
  if (!alone?.samples.length || !beside?.samples.length) return [];
  return [
    `Beside the slow one it keeps ${Math.round((100 * medianSeconds(alone)) / medianSeconds(beside))} % of its rate.`,
  ];
}
