/** CPU time and memory of other processes: those that end by /usr/bin/time, those that go on by /proc. */
import { readFileSync } from 'node:fs';
import { findProgram } from './programs.js';

export interface Usage {
  /** User and system, all threads. */
  readonly cpuSeconds: number;
  /** Largest resident set of any one process; undefined where it is that of children nobody sees. */
  readonly peakBytes: number | undefined;
}

/** What /proc counts CPU time in: USER_HZ, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The command run under GNU time, which writes to `report`; unchanged where that is not installed. */
export function timed(argv: readonly string[], report: string): readonly string[] {
  const time = findProgram('time');
  return time === undefined ? argv : [time, '-f', '%U %S %M', '-o', report, ...argv];
}

/** Undefined when there is no report. */
export function readReport(report: string): Usage | undefined {
  try {
    return parseReport(readFileSync(report, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The last line is ours; one about the exit status may come before it. */
export function parseReport(text: string): Usage | undefined {
  const found = /^([\d.]+) ([\d.]+) (\d+)\n?$/m.exec(text.trim().split('\n').at(-1) ?? '');
  return found ? { cpuSeconds: Number(found[1]) + Number(found[2]), peakBytes: Number(found[3]) * 1024 } : undefined;
}

/** Of a running process and those of its children that it has waited for. */
export function readCpuSeconds(pid: number): number {
  // The name in parentheses may hold spaces; utime, stime, cutime and cstime are fields 14 to 17 of the whole.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

/** Of a running process. */
export function readPeakBytes(pid: number): number {
  const found = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) * 1024;
}

/** Of several processes that work together. */
export function addUsage(usages: readonly (Usage | undefined)[]): Usage | undefined {
  const known = usages.filter((usage) => usage !== undefined);
  if (known.length === 0 || known.length < usages.length) return undefined;
  return {
    cpuSeconds: known.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    peakBytes: known.every(({ peakBytes }) => peakBytes !== undefined)
      ? Math.max(...known.map(({ peakBytes }) => peakBytes ?? 0))
      : undefined,
  };
}
