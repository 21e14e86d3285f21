/** Order and summary of the samples. Pure. */

/** The middle value; of an even number the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? NaN;
  return Number.isInteger(half) ? ((sorted[half - 1] ?? NaN) + upper) / 2 : upper;
}

/**
 * The order of one round: each round begins one further on, and every other
 * round runs backwards, so that nobody always runs after the same neighbour.
 */
export function orderOfRound<T>(contenders: readonly T[], round: number): T[] {
  const line = round % 2 === 0 ? contenders : [...contenders].reverse();
  const shift = round % Math.max(line.length, 1);
  return [...line.slice(shift), ...line.slice(0, shift)];
}

/** The defined ones. */
export function present<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}
