/** Order and summary of the samples. Pure. */

/** The middle value; of an even number the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? NaN;
  return Number.isInteger(half) ? ((sorted[half - 1] ?? NaN) + upper) / 2 : upper;
}

/**
 * The order of one round. Every other round runs the round before it backwards, so that of any two contenders each runs
 * first as often as the other. Each such pair of rounds begins one contender further on than the last.
 */
export function orderOfRound<T>(contenders: readonly T[], round: number): T[] {
  const shift = Math.floor(round / 2) % Math.max(contenders.length, 1);
  const line = [...contenders.slice(shift), ...contenders.slice(0, shift)];
  return round % 2 === 0 ? line : line.reverse();
}

/** The defined ones. */
export function present<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}
