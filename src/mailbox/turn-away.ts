/** What a caller is told that cannot be served now: PROTOCOL.md section 2. */
import { FtxError } from '../core/errors.js';
import type { Connection } from '../core/connection.js';
import type { Caller } from '../net/detect.js';
import { encodeControl } from '../protocol/codec.js';
import { GREETING } from '../protocol/constants.js';

export const ENCRYPTED_ONLY = new FtxError(
  'refused',
  'This receiver takes encrypted senders only. Send without --plain.',
);
export const NOT_KNOWN = new FtxError(
  'unpaired',
  'This receiver takes only senders that it knows. Ask its owner to start "ftx receive --pair" there, and for the code that it shows.',
);
export const CANNOT_TELL = new FtxError(
  'io',
  'The receiver cannot read its list of known peers, and so lets nobody in. Its owner has to look at what it says there.',
);
export const FORGOTTEN = new FtxError(
  'unpaired',
  'This receiver takes only senders that it knows, and has just forgotten this one.',
);
export const BUSY = new FtxError('busy', 'The receiver serves as many connections as it may already. Try again later.');
export const SHUTTING_DOWN = new FtxError(
  'shutting-down',
  'The receiver is being stopped. Send again when it is back.',
);

/** Sends the greeting, then an error in place of hello, and closes. */
export function turnAway(connection: Connection, { code, message }: FtxError): void {
  connection.write([GREETING, encodeControl({ type: 'error', id: 0, code, message })]).catch(() => undefined);
  connection.destroy(new FtxError(code, message));
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
