/** Deadlines of a connection, and the heartbeat that keeps a quiet one alive: PROTOCOL.md section 9. */
import { formatAddress } from '../core/address.js';
import { FtxError } from '../core/errors.js';
import { observeReads, wrapConnection, type Connection } from '../core/connection.js';
import { MAX_TIMER_MS } from './constants.js';

/** A connection or channel, as far as a deadline needs it. */
export type Destroyable = Pick<Connection, 'address' | 'destroy'>;

/**
 * Resolves as `work`. Destroys `target`, on which `work` waits, with FtxError
 * `timeout` when that takes longer than `ms`. `what` ends the sentence
 * "PEER did not …".
 */
export async function within<T>(ms: number, target: Destroyable, what: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => target.destroy(timeoutError(target, what, ms)), ms);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** FtxError `timeout`. `what` ends the sentence "PEER did not …". */
export function timeoutError({ address }: Pick<Connection, 'address'>, what: string, ms: number): FtxError {
  return new FtxError(
    'timeout',
    `${formatAddress(address)} did not ${what} within ${Math.round(ms / 100) / 10} s. Try again.`,
  );
}

/** A connection that is destroyed when nothing moves. */
export interface WatchedConnection extends Connection {
  /** Ends the watch. Call it when the connection is no longer used, or has other limits. Safe to call more than once. */
  stop(): void;
}

/**
 * The connection; it is destroyed when a read or a write waits and nothing has
 * moved for `idleMs`. `onBytes` is told the number of bytes that have come, for
 * each part of a read.
 */
export function watchConnection(
  connection: Connection,
  idleMs: number,
  onBytes: (bytes: number) => void,
): WatchedConnection {
  let waiting = 0;
  let moved = 0;

  async function watched<T>(work: Promise<T>): Promise<T> {
    // The peer cannot have been late while nobody waited, so the time before does not count.
    if (waiting === 0) moved = performance.now();
    waiting += 1;
    try {
      return await work;
    } finally {
      waiting -= 1;
      moved = performance.now();
    }
  }

  let checked = performance.now();

  function check(): void {
    const now = performance.now();
    const stoodStill = now - checked >= idleMs;
    checked = now;
    // This process itself was asleep (Ctrl-Z, a closed lid): what has arrived meanwhile is yet to be read.
    if (stoodStill) return;
    if (waiting > 0 && now - moved >= idleMs)
      connection.destroy(timeoutError(connection, 'send or take anything', idleMs));
  }

  const timer = setInterval(check, Math.min(idleMs / 4, MAX_TIMER_MS));
  const observed = observeReads(connection, (bytes) => {
    moved = performance.now();
    onBytes(bytes);
  });
  const watching = wrapConnection(observed, {
    read: () => watched(observed.read()),
    readInto: (target, onPart) => watched(observed.readInto(target, onPart)),
    write: (parts) => watched(connection.write(parts)),
  });
  return { ...watching, stop: () => clearInterval(timer) };
}

export interface Heartbeat {
  /** Begins to beat whenever `everyMs` have passed without postpone(). */
  start(everyMs: number): void;
  /** Something else was sent: the time to the next beat begins anew. */
  postpone(): void;
  /** Ends the beats for good: a later start() or postpone() does nothing. */
  stop(): void;
}

export function createHeartbeat(beat: () => void): Heartbeat {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let everyMs = 0;
  let last = 0;
  let stopped = false;

  /** Looks when the next beat is due. postpone() sets no timer, because it is called for each write. */
  function check(): void {
    const waitedMs = performance.now() - last;
    if (waitedMs >= everyMs) {
      last = performance.now();
      beat();
    }
    wait(waitedMs >= everyMs ? everyMs : everyMs - waitedMs);
  }

  function wait(ms: number): void {
    if (!stopped) timer = setTimeout(check, ms);
  }

  return {
    start(ms) {
      everyMs = ms;
      last = performance.now();
      wait(ms);
    },
    postpone: () => void (last = performance.now()),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
