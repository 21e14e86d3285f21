/** Two builds of ftx side by side. Pure. */
import { cpuSecondsOf } from './columns.js';
import type { Result, Sample } from './rounds.js';
import { median, present } from './stats.js';
import { otherBuildOf } from './tools/tool.js';

export interface Comparison {
  /** The tool that ran in both builds. */
  readonly name: string;
  /** Of each round that both have ended: this build by the other one, in wall time. */
  readonly timeRatios: readonly number[];
  /** The same in CPU time of both ends, of those rounds in which it was measured. */
  readonly cpuRatios: readonly number[];
}

const NOT_RUN: Sample = { seconds: 0 };

/** Every tool whose other build is among the results too. */
export function compareBuilds(results: readonly Result[]): Comparison[] {
  return results.flatMap(({ contender: { name }, samples }) => {
    const other = results.find(({ contender }) => contender.name === otherBuildOf(name));
    if (other === undefined) return [];
    // A contender that fails once is left out from then on: the samples of both are those of the same rounds.
    const ratios = (of: (sample: Sample) => number | undefined) =>
      present(samples.map((sample, round) => divide(of(sample), of(other.samples[round] ?? NOT_RUN))));
    return [{ name, timeRatios: ratios(({ seconds }) => seconds), cpuRatios: ratios(cpuSecondsOf) }];
  });
}

export function describeComparison({ name, timeRatios, cpuRatios }: Comparison): string {
  const rounds = timeRatios.length;
  if (rounds === 0) return `${name} cannot be compared: no round has ended in both builds.`;
  const cpu = cpuRatios.length === 0 ? '' : ` and ${describeRatios(cpuRatios)} the CPU time`;
  return `${name} takes ${describeRatios(timeRatios)} the time${cpu} of the other build: median (min–max) of the ratios of ${rounds} rounds.`;
}

function describeRatios(ratios: readonly number[]): string {
  const [middle, least, most] = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map((ratio) =>
    ratio.toFixed(3),
  );
  return `${middle ?? ''} (${least ?? ''}–${most ?? ''}) ×`;
}

/** Undefined where there is nothing to divide, or nothing to divide by. */
function divide(ours: number | undefined, theirs: number | undefined): number | undefined {
  return ours === undefined || theirs === undefined || theirs === 0 ? undefined : ours / theirs;
}
