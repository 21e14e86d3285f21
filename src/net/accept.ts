/** From an accepted connection to a caller whose protocol is known, through TLS where it comes by that. */
import type { Identity } from '../identity/identity.js';
import { detectCaller, type Detected } from './detect.js';
import type { TcpConnection } from './tcp.js';
import type { Secured } from './tls.js';

export interface Accepted extends Detected {
  /** Who calls; undefined unless the connection is encrypted. */
  readonly secured?: Secured;
}

/**
 * Undefined if the caller closes without a word; `onFirstWord` hears of one.
 * Without an identity of its own, this side takes no TLS.
 */
export async function acceptCaller(
  connection: TcpConnection,
  own: Identity | undefined,
  onFirstWord: () => void = () => undefined,
): Promise<Accepted | undefined> {
  const detected = await detectCaller(connection);
  if (detected) onFirstWord();
  if (detected?.caller === 'ftx' || detected?.caller === 'classic') connection.shareReads();
  if (detected?.caller !== 'tls' || !own) return detected;
  // Loaded when needed: a receiver of unencrypted senders does not pay for it.
  const { acceptTls } = await import('./tls.js');
  const secured = await acceptTls(connection, detected.first, own);
  const inside = await detectCaller(connection);
  return inside && { ...inside, secured };
}
