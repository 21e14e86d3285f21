/** The pace of a peer: content that comes too slowly ends the connection. PROTOCOL.md section 9. */
import { formatAddress } from '../core/address.js';
import { FtxError } from '../core/errors.js';
import { MAX_TIMER_MS, MIN_BYTES_PER_SECOND } from './constants.js';
import type { Destroyable } from './watch.js';

/** The time over which the rate is judged. A link that stalls for less than `idleMs` and recovers is not too slow. */
const toWindowMs = (idleMs: number) => Math.min(2 * idleMs, MAX_TIMER_MS);

/** The longest time that a peer may take to read `bytes`, in milliseconds. */
export function slowestMs(bytes: number, idleMs: number): number {
  return Math.min(toWindowMs(idleMs) + (1000 * bytes) / MIN_BYTES_PER_SECOND, MAX_TIMER_MS);
}

export interface Pace {
  /** Notes that this many bytes have come over the connection. */
  readonly count: (bytes: number) => void;
  /** Begins a new count: the content of another frame begins. */
  restart(): void;
  /** Runs `work`, which waits for content, and destroys the connection when too little comes meanwhile. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

/** Only the time inside during() counts: the peer is not to blame for the time that our disk takes. */
export function createPace(connection: Destroyable, idleMs: number): Pace {
  const windowMs = toWindowMs(idleMs);
  let bytes = 0;
  let waitedMs = 0;

  function restart(): void {
    bytes = 0;
    waitedMs = 0;
  }

  function judge(): void {
    if (bytes * 1000 < MIN_BYTES_PER_SECOND * windowMs)
      connection.destroy(slowError(formatAddress(connection.address), windowMs));
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
