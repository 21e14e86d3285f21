import { expect, it } from 'vitest';
import { compareBuilds, describeComparison } from './builds.js';
import type { Result } from './rounds.js';

function resultOf(name: string, seconds: readonly number[], cpuSeconds?: readonly number[]): Result {
  const done = () => Promise.resolve();
  const contender = { name, measure: () => Promise.reject(new Error('not run')), tidy: done, close: done };
  const half = (round: number) => cpuSeconds && { cpuSeconds: cpuSeconds[round]! / 2, peakBytes: undefined };
  const samples = seconds.map((value, round) => ({ seconds: value, sender: half(round), receiver: half(round) }));
  return { contender, samples, failure: undefined };
}

it('two builds are compared round by round, not by their medians', () => {
  const results = [
    resultOf('ftx', [2, 30, 9], [1, 1, 3]),
    resultOf('limit: disk', [1, 1, 1]),
    resultOf('ftx (other build)', [1, 20, 10], [2, 1, 2]),
  ];
  const [comparison, ...more] = compareBuilds(results);
  expect(more).toEqual([]);
  expect(comparison).toEqual({ name: 'ftx', timeRatios: [2, 1.5, 0.9], cpuRatios: [0.5, 1, 1.5] });
  expect(describeComparison(comparison!)).toBe(
    'ftx takes 1.500 (0.900–2.000) × the time and 1.000 (0.500–1.500) × the CPU time of the other build: median (min–max) of the ratios of 3 rounds.',
  );
});

it('only rounds that both builds have ended are compared', () => {
  const [comparison] = compareBuilds([resultOf('ftx --plain', [2, 3]), resultOf('ftx --plain (other build)', [4])]);
  expect(comparison).toMatchObject({ timeRatios: [0.5], cpuRatios: [] });
  const [none] = compareBuilds([resultOf('ftx', []), resultOf('ftx (other build)', [1])]);
  expect(describeComparison(none!)).toBe('ftx cannot be compared: no round has ended in both builds.');
});

it('without another build there is nothing to compare', () => {
  expect(compareBuilds([resultOf('ftx', [1]), resultOf('ftx --plain', [1])])).toEqual([]);
});
