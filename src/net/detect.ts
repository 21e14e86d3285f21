/** Who is calling: the first byte of a connection tells, PROTOCOL.md section 1. */
import type { Connection } from '../ports.js';
import { unread } from '../unread.js';

export type Caller = 'ftx' | 'classic' | 'tls' | 'http' | 'unknown';

export interface Detected {
  readonly caller: Caller;
  /** Reads what the caller sent from its first byte. */
  readonly connection: Connection;
  /** What has been read of it. */
  readonly first: Uint8Array;
}

/** Waits for the first byte; undefined if the caller closes without one. */
export async function detectCaller(connection: Connection): Promise<Detected | undefined> {
  const first = await connection.read();
  if (first?.[0] === undefined) return undefined;
  return { caller: classify(first[0]), connection: unread(connection, first), first };
}

function classify(byte: number): Caller {
  if (byte === 0x66) return 'ftx';
  if (byte >= 0x30 && byte <= 0x39) return 'classic';
  if (byte === 0x16) return 'tls';
  return byte >= 0x41 && byte <= 0x5a ? 'http' : 'unknown';
}

/** Fatal TLS alerts: handshake_failure, and internal_error, which here means "try again". */
const TLS_REFUSAL = Uint8Array.of(0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28);
export const TLS_BUSY = Uint8Array.of(0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x50);
const HTTP_BODY = 'This port receives files by ftx. Send one with: ftx send FILE --to HOST:PORT\n';
const HTTP_REFUSAL = [
  'HTTP/1.1 501 Not Implemented',
  'Content-Type: text/plain; charset=utf-8',
  `Content-Length: ${HTTP_BODY.length}`,
  'Connection: close',
  '',
  HTTP_BODY,
].join('\r\n');

/** What a caller is told that this port does not serve. */
export function refusalFor(caller: Exclude<Caller, 'ftx'>): Uint8Array {
  const text = new TextEncoder();
  switch (caller) {
    case 'tls':
      return TLS_REFUSAL;
    case 'http':
      return text.encode(HTTP_REFUSAL);
    case 'classic':
      return text.encode('refused: this receiver takes no classic senders\n');
    case 'unknown':
      return new Uint8Array(0);
  }
}
