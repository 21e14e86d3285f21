/**
 * Decides whether calls to the disk are better made synchronously. A call takes a few microseconds when the data is in
 * memory, and a trip to another thread takes 40. After a slow call comes a pause, in which all calls go to threads, so
 * that a slow disk blocks this process for a small part of the time. A call that was only interrupted, because another
 * process got the processor, does not count as slow.
 */

/** A call for data in memory takes less than this, unless it is interrupted. */
const SLOW_MS = 1;
/** An interruption takes less than this. */
const SURELY_SLOW_MS = 20;
/** Interruptions are more calls apart than this, because a call takes far less time than a process may keep the processor. */
const NEAR_CALLS = 8;
/** A pause is this many times as long as the slow call before it. */
const PAUSE_TIMES = 20;

export interface LatencyGuard {
  /** Whether the next calls may be made synchronously. */
  isFast(): boolean;
  /** Runs `calls`, which are synchronous, and notes how long they take. */
  time<T>(calls: () => T): T;
}

/** `now`: returns the time in milliseconds. */
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

/** Process-wide: the disks that are received to. */
export const inboxDisk = createLatencyGuard();
