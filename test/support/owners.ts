/** Processes to put into names. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { onTestFinished } from 'vitest';

/** Larger than any that Linux gives: of a process that is no more. */
export const DEAD_PID = 2 ** 22 + 1;

/** Of a process that runs until the test ends. */
export function findLivingPid(): number {
  const sleeper = spawn('sleep', ['1000']);
  onTestFinished(() => void sleeper.kill('SIGKILL'));
  return sleeper.pid ?? -1;
}

/** When the process began, as marks have it. */
function readBegin(pid: number | 'self'): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** What this process has marked as its own, as if that one had. A process that is no more keeps the time of this one. */
export function giveTo(pid: number, mark: string): string {
  const began = pid === DEAD_PID ? readBegin('self') : readBegin(pid);
  return mark.replace(`-${process.pid}-${readBegin('self')}-`, `-${pid}-${began}-`);
}

/** The mark, as if the process that now has the number had got it from another one. */
export function beginEarlier(mark: string): string {
  return mark.replace(/-\d+(-[0-9a-f]{16})/, '-1$1');
}

/** The mark, as if made in another pid namespace, on another machine, or before the machine was started. */
export function moveElsewhere(mark: string): string {
  return mark.replace(/^.{16}|(?<=^\.ftx-).{16}/, '0123456789abcdef');
}

/** A mark as version 0.1.0 made it, on this machine or another one. */
export function makeOldMark(pid: number, host = hashHost()): string {
  return `${host}-${pid}-01234567-0123456789abcdef`;
}

function hashHost(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}
