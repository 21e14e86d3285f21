/** Every failure that ftx reports, by cause, and what each means for the entry, the transfer and the peer. */

/**
 * What follows from an error code. `resumable` is about the bytes that the
 * receiver has, `retried` is about what the sender does by itself. Two codes
 * leave good bytes behind and are not tried again all the same: `aborted`,
 * because a person has stopped the transfer, and `protocol`, because the peer
 * would break it again. `no-connection` is tried again and leaves no bytes.
 */
interface CodeMeaning {
  /** Whether the receiver turns the entry away, as opposed to failing at it. */
  readonly refusal: boolean;
  /**
   * Whether the receiver keeps what has arrived of an entry that ends with the
   * code, for a later session to go on with. `if-sender-failed`: it does when
   * the sender has given the entry up. When the receiver has, it does not,
   * because its own disk or one of its rules stands in the way.
   */
  readonly resumable: 'always' | 'if-sender-failed' | 'never';
  /** Whether the sender connects again by itself. `once-connected`: only after an earlier connection of the same send. */
  readonly retried: 'always' | 'once-connected' | 'never';
  /** Whether a peer may report the code: PROTOCOL.md section 10. The other codes concern one machine alone. */
  readonly onWire: boolean;
}

/** Something is wrong with one entry, or with one side. */
const FAILURE = { refusal: false, resumable: 'if-sender-failed', retried: 'never', onWire: true } as const;
/** The receiver turns an entry away. */
const REFUSAL = { ...FAILURE, refusal: true } as const;
/** Something is wrong on this machine, before a peer is involved or without its fault. */
const LOCAL = { ...FAILURE, onWire: false } as const;
/** What has arrived is wrong, or no longer what the sender has. */
const SPOILED = { ...FAILURE, resumable: 'never' } as const;
/** The connection has ended, and may come back. */
const BREAK = { ...FAILURE, resumable: 'always', retried: 'always' } as const;

/** The codes are stable, because scripts read them from `--json`. */
const MEANINGS = {
  // The caller's own input.
  usage: LOCAL,
  'not-found': LOCAL,
  unreadable: FAILURE,
  unsupported: REFUSAL,
  changed: SPOILED,
  // Reaching the other side.
  'unknown-host': { ...LOCAL, retried: 'once-connected' },
  'no-connection': { ...LOCAL, retried: 'once-connected' },
  lost: BREAK,
  timeout: BREAK,
  busy: BREAK,
  'shutting-down': BREAK,
  protocol: { ...BREAK, retried: 'never' },
  checksum: SPOILED,
  identity: LOCAL,
  unpaired: FAILURE,
  // The receiver's answer to one entry.
  'bad-name': REFUSAL,
  'bad-parent': REFUSAL,
  'bad-link': REFUSAL,
  exists: REFUSAL,
  'too-large': REFUSAL,
  'too-many': REFUSAL,
  denied: REFUSAL,
  refused: REFUSAL,
  // This machine.
  home: LOCAL,
  'cannot-create': LOCAL,
  'port-in-use': LOCAL,
  'cannot-listen': LOCAL,
  'no-space': { ...FAILURE, resumable: 'always' },
  io: FAILURE,
  aborted: { ...BREAK, retried: 'never' },
} as const satisfies Record<string, CodeMeaning>;

export type ErrorCode = keyof typeof MEANINGS;

export const ERROR_CODES = Object.keys(MEANINGS) as ErrorCode[];

/** The codes that a peer may report. */
export const WIRE_CODES = ERROR_CODES.filter((code) => MEANINGS[code].onWire);

/** Whether a peer may report the code. */
export function isOnWire(code: ErrorCode): boolean {
  return MEANINGS[code].onWire;
}

/** What a receiver cannot mean: it has no source, and its user is not the sender's. */
const OF_SENDERS: Readonly<Partial<Record<ErrorCode, true>>> = { aborted: true, changed: true, unreadable: true };

/**
 * The code that a sender takes from a receiver, so that a receiver never has the sender say that its own input is
 * wrong, or that its own user has stopped it. `otherwise`: what a code that only a sender can mean becomes.
 */
export function codeFromReceiver(code: ErrorCode, otherwise: 'io' | 'refused'): ErrorCode {
  if (code === 'unsupported') return 'refused';
  return OF_SENDERS[code] ? otherwise : code;
}

/** What ends a session because of the sender's own user, input or disk, and says nothing about the receiver. A peer reads `io` for a code that is not on the wire. */
const OWN_TROUBLE: Readonly<Partial<Record<ErrorCode, true>>> = {
  aborted: true,
  changed: true,
  unreadable: true,
  unsupported: true,
  'no-space': true,
  io: true,
};

/** Whether a sender that ends its session with the code does so for a reason of its own. */
export function isSendersOwn(code: ErrorCode): boolean {
  return OWN_TROUBLE[code] === true;
}

/** Whether the receiver turned the entry away, as opposed to failing at it. */
export function isRefusal(code: ErrorCode): boolean {
  return MEANINGS[code].refusal;
}

/** Whether the receiver keeps what has arrived of an entry that `failed` has given up with the code. */
export function isResumable(code: ErrorCode, failed: 'sender' | 'receiver'): boolean {
  const { resumable } = MEANINGS[code];
  return resumable === 'always' || (resumable === 'if-sender-failed' && failed === 'sender');
}

/** Whether the sender connects again by itself; `wasConnected`: it has had a connection in this send. */
export function isRetried(code: ErrorCode, wasConnected: boolean): boolean {
  const { retried } = MEANINGS[code];
  return retried === 'always' || (retried === 'once-connected' && wasConnected);
}

/** One failure: a stable `code`, one plain sentence, and what lies behind it. */
export class FtxError extends Error {
  override readonly name = 'FtxError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The errno name of a system error (`ENOSPC`), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * A few words, for brackets, about a failure that has no sentence of its own:
 * the system's short name for it, like `EPIPE`. The texts of Node and OpenSSL
 * never reach a user. An error without a code was made by the program that uses
 * ftx, and its text is shown.
 */
export function nameFailure(error: unknown): string {
  const code = errnoOf(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  return /^E[A-Z0-9]+$/.test(code) ? code : 'no reason that has a name';
}

/** Any thrown value as an FtxError. A value that is not one yet gets `code`. */
export function toFtxError(error: unknown, code: ErrorCode = 'io'): FtxError {
  if (error instanceof FtxError) return error;
  const name = nameFailure(error);
  const message = errnoOf(error) === undefined ? name : `Something failed that was not foreseen (${name}).`;
  return new FtxError(code, message, { cause: error });
}

/** The reason of an aborted signal as an FtxError. A signal may be aborted without a reason, and gets a sentence. */
export function abortReason({ reason }: AbortSignal): FtxError {
  const name = reason instanceof Error ? reason.name : '';
  const sentence = WITHOUT_REASON[name];
  return sentence === undefined ? toFtxError(reason, 'aborted') : new FtxError('aborted', sentence, { cause: reason });
}

const WITHOUT_REASON: Readonly<Record<string, string | undefined>> = {
  AbortError: 'The transfer was stopped by the program that had begun it.',
  TimeoutError: 'The transfer was stopped by the program that had begun it, because it took too long.',
};
