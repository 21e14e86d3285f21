/**
 * Whether a disk answers so promptly that a call is better made at once: what
 * is in memory takes a few microseconds, and a trip to another thread 40. A
 * call that does keep the process waiting is followed by a pause in which all
 * go by way of threads, so that a slow disk costs a small part of the time.
 * One that was merely interrupted, by another process that wanted the
 * processor, is not.
 */

/** Nothing that is in memory takes so long, unless it is interrupted. */
const SLOW_MS = 1;
/** No interruption takes so long. */
const SURELY_SLOW_MS = 20;
/** Interruptions are further apart: a call takes far less time than a process may keep the processor. */
const NEAR_CALLS = 8;
const PAUSE_TIMES = 20;

export interface LatencyGuard {
  /** Whether the next calls may be made at once. */
  isFast(): boolean;
  /** Makes calls at once, and notes how long they take. */
  time<T>(calls: () => T): T;
}

/** `now` gives milliseconds. */
export function createLatencyGuard(now: () => number = () => performance.now()): LatencyGuard {
  let pauseEnds = -Infinity;
  let callsSinceSlow = Infinity;

  function note(taken: number): void {
    callsSinceSlow += 1;
    if (taken < SLOW_MS) return;
    if (taken >= SURELY_SLOW_MS || callsSinceSlow <= NEAR_CALLS) pauseEnds = now() + PAUSE_TIMES * taken;
    callsSinceSlow = 0;
  }

  return {
    isFast: () => now() >= pauseEnds,
    time(calls) {
      const started = now();
      try {
        return calls();
      } finally {
        note(now() - started);
      }
    },
  };
}
