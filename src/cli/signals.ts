/** Ctrl-C and SIGTERM: the first one ends a command in good order, the second one at once. */
import type { FtxError } from '../core/errors.js';
import { EXIT, exitCodeFor, exitCodeForSignal, type ExitCode } from './exit-codes.js';
import type { CliIo, StopSignal } from './screen/io.js';

export interface SignalWatch {
  /** The first signal; undefined until one has come. */
  readonly received: StopSignal | undefined;
  /** The exit code of the signal if one has come, else of the failure, else 0. */
  exitCode(failure: FtxError | undefined): ExitCode;
  off(): void;
}

/** Calls `first` at the first signal. At the second, calls `cleanUp`, which releases the terminal, and leaves at once. */
export function watchSignals(io: CliIo, on: { first: (signal: StopSignal) => void; cleanUp: () => void }): SignalWatch {
  let received: StopSignal | undefined;
  const listener = (signal: StopSignal) => {
    if (!received) {
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
      if (received) return exitCodeForSignal(received);
      return failure ? exitCodeFor(failure.code) : EXIT.ok;
    },
    off: () => {
      io.signals.off('SIGINT', listener);
      io.signals.off('SIGTERM', listener);
    },
  };
}
