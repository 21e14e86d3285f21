const WINDOW_MS = 3000;
const SAMPLE_MS = 100;
/** Before that a rate would be noise. */
const WARM_UP_MS = 500;

export interface RateMeter {
  add(bytes: number, atMs: number): void;
  /** Bytes per second over the last 3 seconds; undefined while there is too little to tell. */
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
      if (last !== undefined && at - last.at < SAMPLE_MS) last.total = total;
      else newer.push({ at, total });
    },
    perSecond: (at) => {
      const old = newer.findLast((sample) => sample.at <= at - WINDOW_MS);
      if (old !== undefined) {
        base = old;
        newer = newer.filter((sample) => sample.at > old.at);
      }
      // without newer samples the base ages and the rate falls to 0: it has stalled
      const elapsed = at - base.at;
      return elapsed < WARM_UP_MS ? undefined : ((total - base.total) * 1000) / elapsed;
    },
  };
}
