/** The slowest that content may move: PROTOCOL.md section 9. */
import { FtxError } from '../core/errors.js';
import { MAX_TIMER_MS, MIN_BYTES_PER_SECOND } from './constants.js';
import type { Destroyable } from './watch.js';

/** Longer than any stand-still that `idle` lets pass, so that a link that stalls and recovers is not taken for a slow one. */
const toWindowMs = (idleMs: number) => Math.min(2 * idleMs, MAX_TIMER_MS);

/** What a peer may take for reading this many bytes. */
export function slowestMs(bytes: number, idleMs: number): number {
  return Math.min(toWindowMs(idleMs) + (1000 * bytes) / MIN_BYTES_PER_SECOND, MAX_TIMER_MS);
}

export interface Pace {
  /** Notes that this many bytes have come. */
  readonly count: (bytes: number) => void;
  /** The content of another frame begins: what came before says nothing about it. */
  restart(): void;
  /** Does `work` that waits for content, and destroys the connection when too little of it comes. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

/** Only time spent waiting in during() counts, so a disk that holds us up is not blamed on the peer. */
export function createPace(connection: Destroyable, idleMs: number): Pace {
  const windowMs = toWindowMs(idleMs);
  let bytes = 0;
  let waitedMs = 0;

  function restart(): void {
    bytes = 0;
    waitedMs = 0;
  }

  function judge(): void {
    if (bytes * 1000 < MIN_BYTES_PER_SECOND * windowMs) connection.destroy(slowError(connection.peer, windowMs));
    restart();
  }

  async function during<T>(work: () => Promise<T>): Promise<T> {
    let since = performance.now();
    let timer = setTimeout(endWindow, windowMs - waitedMs);
    function endWindow(): void {
      judge();
      since = performance.now();
      timer = setTimeout(endWindow, windowMs);
    }
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      waitedMs += performance.now() - since;
    }
  }

  return { count: (arrived) => void (bytes += arrived), restart, during };
}

function slowError(peer: string, windowMs: number): FtxError {
  const rate = `less than ${MIN_BYTES_PER_SECOND} bytes a second`;
  return new FtxError('timeout', `${peer} sent ${rate} for ${windowMs / 1000} s. Try again over a faster connection.`);
}
