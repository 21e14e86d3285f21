/** Process numbers to put into names. */
import { spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';

/** Larger than any that Linux gives: of a process that is no more. */
export const DEAD_PID = 2 ** 22 + 1;

/** Of a process that runs until the test ends. */
export function findLivingPid(): number {
  const sleeper = spawn('sleep', ['1000']);
  onTestFinished(() => void sleeper.kill('SIGKILL'));
  return sleeper.pid ?? -1;
}

/** What this process has marked as its own, as if that one had. */
export function giveTo(pid: number, mark: string): string {
  return mark.replace(`-${process.pid}-`, `-${pid}-`);
}
