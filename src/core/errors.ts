/**
 * Every failure ftx reports, by cause. The codes are stable: scripts read them
 * from `--json`, and PROTOCOL.md lists which of them travel on the wire.
 */
export const ERROR_CODES = [
  // the caller's own input
  'usage',
  'not-found',
  'unreadable',
  'unsupported',
  'changed',
  // reaching the other side
  'unknown-host',
  'no-connection',
  'lost',
  'timeout',
  'busy',
  'shutting-down',
  'protocol',
  'checksum',
  'identity',
  'unpaired',
  // the receiver's answer to one entry
  'bad-name',
  'bad-parent',
  'bad-link',
  'exists',
  'too-large',
  'too-many',
  'denied',
  'refused',
  // this machine
  'home',
  'cannot-create',
  'port-in-use',
  'no-space',
  'io',
  'aborted',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

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
 * A failure that has no sentence of its own, in a few words for brackets: the system's short name for it (`EPIPE`).
 * The text that Node or a library such as OpenSSL gives an error never gets into a sentence; a text that comes with
 * no code was written by the program that uses ftx, and does.
 */
export function nameFailure(error: unknown): string {
  const code = errnoOf(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  return /^E[A-Z0-9]+$/.test(code) ? code : 'no reason that has a name';
}

/** Any thrown value as an FtxError; what is not one yet becomes `code`. */
export function toFtxError(error: unknown, code: ErrorCode = 'io'): FtxError {
  if (error instanceof FtxError) return error;
  const name = nameFailure(error);
  const message = errnoOf(error) === undefined ? name : `Something failed that was not foreseen (${name}).`;
  return new FtxError(code, message, { cause: error });
}

/** Why a signal was aborted, as an FtxError; its caller need not have said why. */
export function abortReason({ reason }: AbortSignal): FtxError {
  const name = reason instanceof Error ? reason.name : '';
  const sentence = WITHOUT_REASON[name];
  return sentence === undefined ? toFtxError(reason, 'aborted') : new FtxError('aborted', sentence, { cause: reason });
}

const WITHOUT_REASON: Readonly<Record<string, string | undefined>> = {
  AbortError: 'The transfer was stopped by the program that had begun it.',
  TimeoutError: 'The transfer was stopped by the program that had begun it, because it took too long.',
};

const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'bad-name',
  'bad-parent',
  'bad-link',
  'exists',
  'too-large',
  'too-many',
  'unsupported',
  'denied',
  'refused',
]);

/** Whether the receiver turned the entry away, as opposed to failing at it. */
export function isRefusal(code: ErrorCode): boolean {
  return REFUSALS.has(code);
}

const TEMPORARY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'lost',
  'timeout',
  'busy',
  'shutting-down',
  'aborted',
  'protocol',
]);

/** Whether the same transfer may go on where it stopped. */
export function isTemporary(code: ErrorCode): boolean {
  return TEMPORARY.has(code);
}
