import type { FtxError } from '../core/errors.js';
import { EXIT, exitCodeFor, exitCodeForSignal, type ExitCode } from './exit-codes.js';
import type { CliIo, StopSignal } from './screen/io.js';

export interface SignalWatch {
  /** The first signal that came. */
  readonly received: StopSignal | undefined;
  /** That of the signal if one came, else that of the failure. */
  exitCode(failure: FtxError | undefined): ExitCode;
  off(): void;
}

/** The first signal asks politely, the second leaves at once; `cleanUp` gives the terminal back before that. */
export function watchSignals(io: CliIo, on: { first: (signal: StopSignal) => void; cleanUp: () => void }): SignalWatch {
  let received: StopSignal | undefined;
  const listener = (signal: StopSignal): void => {
    if (received === undefined) {
      received = signal;
      on.first(signal);
      return;
    }
    on.cleanUp();
    io.exit(exitCodeForSignal(signal));
  };
  io.signals.on('SIGINT', listener);
  io.signals.on('SIGTERM', listener);
  return {
    get received() {
      return received;
    },
    exitCode: (failure) => {
      if (received !== undefined) return exitCodeForSignal(received);
      return failure === undefined ? EXIT.ok : exitCodeFor(failure.code);
    },
    off: () => {
      io.signals.off('SIGINT', listener);
      io.signals.off('SIGTERM', listener);
    },
  };
}
