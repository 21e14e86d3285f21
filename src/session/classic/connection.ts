/** The connection, signal and limits of a classic session, for both sides. */
import type { Connection } from '../../core/connection.js';
import { abortReason, FtxError } from '../../core/errors.js';
import type { Timeouts } from '../../protocol/constants.js';
import { createPace, type Pace } from '../../protocol/pace.js';
import { watchConnection, type WatchedConnection } from '../../protocol/watch.js';

/** The whole answer of a receiver that takes the file. */
export const READY = 'ready';
export const ascii = new TextDecoder('latin1');
export const toBytes = (text: string) => new TextEncoder().encode(text);

export interface ClassicOptions {
  readonly timeouts: Timeouts;
  /** Its reason ends the session. */
  readonly signal: AbortSignal;
}

/**
 * Runs `work` with the connection under the idle limit and the signal, and closes the connection behind it. The pace
 * counts all that comes.
 */
export async function withConnection<T>(
  connection: Connection,
  { timeouts, signal }: ClassicOptions,
  work: (watched: WatchedConnection, pace: Pace) => Promise<T>,
): Promise<T> {
  const pace = createPace(connection, timeouts.idleMs);
  const watched = watchConnection(connection, timeouts.idleMs, pace.count);
  const abort = () => connection.destroy(abortReason(signal));
  signal.addEventListener('abort', abort);
  try {
    if (signal.aborted) throw abortReason(signal);
    return await work(watched, pace);
  } finally {
    signal.removeEventListener('abort', abort);
    watched.stop();
    connection.destroy(new FtxError('lost', 'The session is over.'));
  }
}
