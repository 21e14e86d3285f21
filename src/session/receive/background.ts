/** Work that goes on while the session reads the next frames. */
import type { ReceiverWatch } from '../shares.js';

/** Files of one session that are compared or committed at the same time; each holds a descriptor. */
const MAX_COMMITS = 32;

export interface Background {
  /** Takes `work` in. Returns a promise that resolves when the work is over; `onFailure` is told why it failed. */
  run(work: Promise<void>, onFailure: (error: unknown) => void): Promise<void>;
  /** Resolves when nothing runs, nor anything that was begun meanwhile. */
  whenIdle(): Promise<void>;
}

export function createBackground(): Background {
  const running = new Set<Promise<void>>();
  return {
    run(work, onFailure) {
      const done = work.catch(onFailure).finally(() => running.delete(done));
      running.add(done);
      return done;
    },
    async whenIdle() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

export interface Commits {
  /** Counts `work`, which never rejects, as a commit. Resolves when another commit may begin. */
  start(work: Promise<void>): Promise<void>;
}

/** `watch` counts the time in which commits run, and the wait for one of them, as time of the disk. */
export function createCommits(watch: ReceiverWatch): Commits {
  const running = new Set<Promise<void>>();
  return {
    async start(work) {
      watch.commitStarted();
      const done = work.finally(() => {
        running.delete(done);
        watch.commitEnded();
      });
      running.add(done);
      watch.enter('disk');
      if (running.size >= MAX_COMMITS) await Promise.race(running);
      watch.enter('cpu');
    },
  };
}
