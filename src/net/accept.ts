/** From an accepted connection to the protocol that its caller speaks, inside of TLS where the caller uses that. */
import type { Identity } from '../identity/identity.js';
import { detectCaller, type Detected } from './detect.js';
import type { TcpConnection } from './tcp.js';
import type { Secured } from './tls.js';

export interface Accepted extends Detected {
  /** What TLS has found out about the caller; undefined unless the connection is encrypted. */
  readonly secured?: Secured;
}

/**
 * Waits for the first bytes of the caller, and shakes hands with a caller that
 * begins with TLS. `own` undefined: TLS is not spoken, and such a caller is
 * returned as `tls`. Calls `onFirstWord` once bytes have come. Resolves with
 * undefined if the caller closes before that. Rejects as acceptTls does.
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
  // TLS is loaded when it is needed, because a receiver of unencrypted senders starts faster without it.
  const { acceptTls } = await import('./tls.js');
  const secured = await acceptTls(connection, detected.first, own);
  const inside = await detectCaller(connection);
  connection.shareReads();
  return inside && { ...inside, secured };
}
