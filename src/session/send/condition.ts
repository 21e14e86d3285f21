/** Lets loops that share state wait for it to change. */
export interface Condition {
  /** Resolves once `test` holds; rejects once fail() was called. */
  until(test: () => boolean): Promise<void>;
  /** Call after every change that a test may look at. */
  notify(): void;
  /** Ends all waits, now and later; the first reason wins. */
  fail(reason: Error): void;
}

export function createCondition(): Condition {
  let failure: Error | undefined;
  let wakers: (() => void)[] = [];

  function notify(): void {
    const woken = wakers;
    wakers = [];
    for (const wake of woken) wake();
  }

  return {
    notify,
    async until(test) {
      for (;;) {
        if (failure) throw failure;
        if (test()) return;
        await new Promise<void>((resolve) => wakers.push(resolve));
      }
    },
    fail(reason) {
      failure ??= reason;
      notify();
    },
  };
}
