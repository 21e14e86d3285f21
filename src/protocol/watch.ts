/** Deadlines of a connection: PROTOCOL.md section 9. */
import { FtxError } from '../core/errors.js';
import { observeReads, wrapConnection, type Connection } from '../core/connection.js';
import { MAX_TIMER_MS } from './constants.js';

/** What is dropped when its peer is late. */
export type Destroyable = Pick<Connection, 'peer' | 'destroy'>;

/** Fails `work` by destroying what it waits for after `ms`. `what` ends the sentence "PEER did not …". */
export async function within<T>(ms: number, target: Destroyable, what: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => target.destroy(timeoutError(target, what, ms)), ms);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** `what` ends the sentence "PEER did not …". */
export function timeoutError({ peer }: Pick<Connection, 'peer'>, what: string, ms: number): FtxError {
  return new FtxError('timeout', `${peer} did not ${what} within ${Math.round(ms / 100) / 10} s. Try again.`);
}

/** A connection that is destroyed when a read or write has waited `idleMs` and nothing moved meanwhile. */
export interface WatchedConnection extends Connection {
  /** Stops the clock; call it when the connection is no longer used. */
  stop(): void;
}

/** `onBytes` is told the number of bytes that have come, for each part of a read. */
export function watchConnection(
  connection: Connection,
  idleMs: number,
  onBytes: (bytes: number) => void,
): WatchedConnection {
  let waiting = 0;
  let moved = 0;

  async function watched<T>(work: Promise<T>): Promise<T> {
    // What was not waited for cannot have been late: the time before counts for nothing.
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
    // After a sleep of this process itself (Ctrl-Z, a closed lid), what has arrived meanwhile is yet to be read.
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
  /** Beats whenever there was no postpone() for `everyMs`. */
  start(everyMs: number): void;
  postpone(): void;
  /** For good: a start() or postpone() that comes later does nothing. */
  stop(): void;
}

export function createHeartbeat(beat: () => void): Heartbeat {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let everyMs = 0;
  let last = 0;
  let stopped = false;

  /** A postponement costs a look at the clock only, because there is one for each write. */
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
