/** A thousand connections at once: is everything stored, and does anyone wait much longer than the others? */
import { medianOf, name, peaks, renderResults, seconds, spread } from '../columns.js';
import { enterCrowd } from '../crowd.js';
import { runRounds, type Sample } from '../rounds.js';
import { CROWD_BYTES } from '../sizes.js';
import { median } from '../stats.js';
import { describeFailures } from './contest.js';
import type { Work } from './work.js';

const finishes = ({ finishes: all = [] }: Sample) => all;

export const crowd: Work = {
  id: 'crowd',
  needsBytes: (sizes, rounds) => rounds * sizes.crowd * CROWD_BYTES,
  async run(bench) {
    const { crowd: count } = bench.sizes;
    const contender = await enterCrowd(bench.scratch, {
      name: `ftx, ${count} sessions`,
      senders: count,
      bytes: CROWD_BYTES,
    });
    const results = await runRounds([contender], bench.rounds, bench.report);
    const columns = [
      name('run'),
      medianOf('stored', (sample) => finishes(sample).length),
      seconds,
      spread,
      medianOf('fastest s', (sample) => finishes(sample)[0] ?? NaN),
      medianOf('middle s', (sample) => median(finishes(sample))),
      medianOf('slowest s', (sample) => finishes(sample).at(-1) ?? NaN),
      ...peaks,
    ];
    return {
      title: `${count} senders at once, ${CROWD_BYTES / 1000} KB each, from one process`,
      table: renderResults(columns, results),
      notes: [
        'fastest, middle, slowest: when the file of the first, the middle and the last sender was stored, from the start of all; medians of the rounds.',
        ...describeFailures(results),
      ],
      results,
    };
  },
};
