/** Which protocol a caller speaks. The first byte of the connection tells: PROTOCOL.md section 1. */
import { type Connection, pushBack } from '../core/connection.js';

export type Caller = 'ftx' | 'classic' | 'tls' | 'http' | 'unknown';

export interface Detected {
  readonly caller: Caller;
  /** The connection as if nothing had been read from it. */
  readonly connection: Connection;
  /** The bytes that were read to find out. `connection` gives them once more. */
  readonly first: Uint8Array;
}

/** Waits for the first byte. Resolves with undefined if the caller closes without one. */
export async function detectCaller(connection: Connection): Promise<Detected | undefined> {
  const first = await connection.read();
  if (first?.[0] === undefined) return undefined;
  return { caller: classify(first[0]), connection: pushBack(connection, first), first };
}

function classify(byte: number): Caller {
  if (byte === 0x66) return 'ftx';
  if (byte >= 0x30 && byte <= 0x39) return 'classic';
  if (byte === 0x16) return 'tls';
  return byte >= 0x41 && byte <= 0x5a ? 'http' : 'unknown';
}
