/** Lets a bounded number of callers work at the same time, in turn between those that wait. */

export interface Turns {
  /** Runs `work` when it is the turn of `key`. Keys take turns, and the work of one key runs in the order of its calls. */
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export function createTurns(atOnce: number): Turns {
  /** By key, the key that has waited longest first: what waits. */
  const waiting = new Map<string, (() => void)[]>();
  let running = 0;

  function begin(): void {
    const next = waiting.entries().next();
    if (running >= atOnce || next.done) return;
    const [key, calls] = next.value;
    const call = calls.shift();
    waiting.delete(key);
    if (calls.length > 0) waiting.set(key, calls);
    running += 1;
    call?.();
  }

  return {
    async run(key, work) {
      await new Promise<void>((resolve) => {
        const calls = waiting.get(key) ?? [];
        calls.push(resolve);
        waiting.set(key, calls);
        begin();
      });
      try {
        return await work();
      } finally {
        running -= 1;
        begin();
      }
    },
  };
}
