/** The exit status of a command: which numbers there are, which failure ends with which, and the table in --help. */
import type { ErrorCode } from '../core/errors.js';

/** The numbers are those of sysexits.h; 130 and 143 are 128 plus the number of the signal. */
export const EXIT = {
  ok: 0,
  usage: 64,
  noInput: 66,
  noHost: 68,
  unavailable: 69,
  cannotCreate: 73,
  io: 74,
  tryAgain: 75,
  protocol: 76,
  refused: 77,
  config: 78,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const MEANINGS: Record<ExitCode, string> = {
  [EXIT.ok]: 'everything was stored (with --classic: sent; with --dry-run: would be)',
  [EXIT.usage]: 'the command line is wrong',
  [EXIT.noInput]: 'a file to send is missing, unreadable or of a kind that cannot be sent',
  [EXIT.noHost]: 'the host name is unknown, or cannot be looked up',
  [EXIT.unavailable]: 'no connection, or the port to receive on cannot be listened on',
  [EXIT.cannotCreate]: 'the folder to receive into cannot be created',
  [EXIT.io]: 'reading or writing failed, or a disk or a quota is full',
  [EXIT.tryAgain]: 'the connection was lost, stalled or busy, or a file changed: try again',
  [EXIT.protocol]: 'the other side broke the protocol, or a checksum is wrong',
  [EXIT.refused]: 'the receiver refused something or does not know this sender, or is not the one that is known',
  [EXIT.config]: 'the own identity or the list of known peers cannot be used, or Node is too old',
  [EXIT.hungUp]: 'stopped because the terminal was closed (SIGHUP)',
  [EXIT.interrupted]: 'stopped by Ctrl-C (SIGINT)',
  [EXIT.terminated]: 'stopped by SIGTERM',
};

export function exitCodeFor(code: ErrorCode): ExitCode {
  switch (code) {
    case 'usage':
      return EXIT.usage;
    case 'not-found':
    case 'unreadable':
    case 'unsupported':
      return EXIT.noInput;
    case 'unknown-host':
      return EXIT.noHost;
    case 'no-connection':
    case 'port-in-use':
    case 'cannot-listen':
      return EXIT.unavailable;
    case 'cannot-create':
      return EXIT.cannotCreate;
    case 'io':
    case 'no-space':
      return EXIT.io;
    case 'lost':
    case 'timeout':
    case 'busy':
    case 'shutting-down':
    case 'changed':
      return EXIT.tryAgain;
    case 'protocol':
    case 'checksum':
      return EXIT.protocol;
    case 'bad-name':
    case 'bad-parent':
    case 'bad-link':
    case 'exists':
    case 'too-large':
    case 'too-many':
    case 'denied':
    case 'refused':
    case 'identity':
    case 'unpaired':
      return EXIT.refused;
    case 'home':
      return EXIT.config;
    case 'aborted':
      return EXIT.interrupted;
  }
}

export function exitCodeForSignal(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): ExitCode {
  if (signal === 'SIGHUP') return EXIT.hungUp;
  return signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
}

/** The table at the end of every --help. */
export function exitCodeHelp(): string {
  const rows = Object.entries(MEANINGS).map(([code, meaning]) => `  ${code.padStart(3)}  ${meaning}`);
  return ['', 'Exit status:', ...rows].join('\n');
}
