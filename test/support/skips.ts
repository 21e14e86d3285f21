/** Skipping a test with its reason where people look: in the output, and in the counts of .ci/run. */
import type { TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    skipReason?: string;
  }
}

export function skipTest({ skip, task }: TestContext, reason: string): never {
  task.meta.skipReason = reason;
  console.log(`skipped "${task.name}": ${reason}`);
  return skip(reason);
}
