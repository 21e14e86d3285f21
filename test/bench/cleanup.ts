/** What must be undone however the benchmark ends. */
import { constants } from 'node:os';

const steps: (() => void)[] = [];

/** Runs `step` when this process exits, after those that were given before. It cannot wait for anything. */
export function atExit(step: () => void): void {
  steps.push(step);
}

/** Call once, before anything is made that has to go again. */
export function watchExit(): void {
  process.on('exit', () => {
    for (const step of steps) attempt(step);
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(128 + constants.signals[signal]));
  }
}

/** One that fails must not keep the others from being undone. */
function attempt(step: () => void): void {
  try {
    step();
  } catch (error) {
    process.stderr.write(`bench: not cleaned up: ${String(error)}\n`);
  }
}
