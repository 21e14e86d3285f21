/** How fast a transfer is at present. */
const WINDOW_MS = 3000;
const SAMPLE_MS = 100;
/** An average over less time would be noise. */
const WARM_UP_MS = 500;

export interface RateMeter {
  add(bytes: number, atMs: number): void;
  /** Bytes per second over the last 3 seconds; undefined in the first half second. */
  perSecond(atMs: number): number | undefined;
}

export function createRateMeter(startMs: number): RateMeter {
  let base = { at: startMs, total: 0 };
  let newer: { at: number; total: number }[] = [];
  let total = 0;

  return {
    add: (bytes, at) => {
      total += bytes;
      const last = newer.at(-1);
      if (last && at - last.at < SAMPLE_MS) last.total = total;
      else newer.push({ at, total });
    },
    perSecond: (at) => {
      const old = newer.findLast((sample) => sample.at <= at - WINDOW_MS);
      if (old) {
        base = old;
        newer = newer.filter((sample) => sample.at > old.at);
      }
      // In a transfer that stalls no sample is added, so the time since `base` grows and the rate falls to 0.
      const elapsed = at - base.at;
      return elapsed < WARM_UP_MS ? undefined : ((total - base.total) * 1000) / elapsed;
    },
  };
}
