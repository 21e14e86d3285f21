/** The process as the commands see it: its streams, signals, clock and end. */
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';
import { boundOutput, type OutputStream } from './output.js';
import { toJsonLine } from './escape.js';

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** What the commands need of the process. Tests have an implementation of their own. */
export interface CliIo {
  /** Read this property only to read from it: an opened standard input keeps the process alive. */
  readonly stdin: Readable;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Whether SIGHUP stops a command. Without a terminal it does not, because Node cannot tell that nohup has it ignored. */
  readonly stopsAtHangUp: boolean;
  /** False where cursor movements would show as garbage. */
  readonly canMoveCursor: boolean;
  readonly signals: {
    on(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
    off(signal: StopSignal, listener: (signal: StopSignal) => void): unknown;
  };
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Ends the process at once, whatever is still running. */
  exit(code: number): void;
}

export function processIo(): CliIo {
  return {
    get stdin() {
      return process.stdin;
    },
    stdout: boundOutput(process.stdout, (lines) => toJsonLine({ type: 'missing', lines } as { type: string })),
    stderr: boundOutput(
      process.stderr,
      (lines) => `ftx: ${lines} lines were left out, because nobody reads them fast enough`,
    ),
    stopsAtHangUp: [0, 1, 2].some((descriptor) => isatty(descriptor)),
    canMoveCursor: process.env['TERM'] !== 'dumb',
    signals: process,
    now: () => performance.now(),
    exit: (code) => process.exit(code),
  };
}
