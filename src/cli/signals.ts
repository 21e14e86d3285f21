/** Ctrl-C, SIGTERM and a terminal that is closed: the first one ends a command in good order, the second one at once. */
import type { FtxError } from '../core/errors.js';
import { EXIT, exitCodeFor, exitCodeForSignal, type ExitCode } from './exit-codes.js';
import type { CliIo, StopSignal } from './screen/io.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

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
    // A shell and the system may both tell of one closed terminal, so a hangup is never the second signal.
    if (signal === 'SIGHUP' && (received || !io.stopsAtHangUp)) return;
    if (!received) {
      received = signal;
      on.first(signal);
      return;
    }
    on.cleanUp();
    io.exit(exitCodeForSignal(signal));
  };
  for (const signal of SIGNALS) io.signals.on(signal, listener);
  return {
    get received() {
      return received;
    },
    exitCode: (failure) => {
      if (received) return exitCodeForSignal(received);
      return failure ? exitCodeFor(failure.code) : EXIT.ok;
    },
    off: () => {
      // After a hangup the second one may come when the command is over: it must not kill what is about to leave.
      for (const signal of SIGNALS) if (signal !== received || signal !== 'SIGHUP') io.signals.off(signal, listener);
    },
  };
}
