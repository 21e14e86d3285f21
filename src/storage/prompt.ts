/**
 * Whether a disk answers so promptly that a call is better made at once: what
 * is in memory takes a few microseconds, and a trip to another thread 40. A
 * call that does keep the process waiting is followed by a pause in which all
 * go by way of threads, so that a slow disk costs a small part of the time.
 */

/** Nothing that is in memory takes so long. */
const SLOW_MS = 1;
const PAUSE_TIMES = 20;

export interface Prompt {
  /** Whether the next calls may be made at once. */
  isPrompt(): boolean;
  /** Makes calls at once, and notes how long they take. */
  time<T>(calls: () => T): T;
}

/** `now` gives milliseconds. */
export function createPrompt(now: () => number = () => performance.now()): Prompt {
  let pauseEnds = -Infinity;
  return {
    isPrompt: () => now() >= pauseEnds,
    time(calls) {
      const started = now();
      try {
        return calls();
      } finally {
        const taken = now() - started;
        if (taken >= SLOW_MS) pauseEnds = now() + PAUSE_TIMES * taken;
      }
    },
  };
}
