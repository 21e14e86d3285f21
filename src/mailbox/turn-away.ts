/** What a caller that is not served hears, in the protocol that it speaks: PROTOCOL.md section 2. */
import type { Connection } from '../core/connection.js';
import { FtxError } from '../core/errors.js';
import { acceptCaller } from '../net/accept.js';
import type { Caller } from '../net/detect.js';
import type { TcpConnection } from '../net/tcp.js';
import { encodeControl } from '../protocol/codec.js';
import { GREETING } from '../protocol/constants.js';
import { within } from '../protocol/watch.js';

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

/** Sends a caller that speaks ftx the greeting, and then the error in place of hello. Closes the connection. */
export function refuseFtx(connection: Connection, { code, message }: FtxError): void {
  connection.write([GREETING, encodeControl({ type: 'error', id: 0, code, message })]).catch(() => undefined);
  connection.destroy(new FtxError(code, message));
}

/** Fatal TLS alerts: handshake_failure, and internal_error, which here means "try again". */
const TLS_REFUSAL = Uint8Array.of(0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28);
const TLS_BUSY = Uint8Array.of(0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x50);
const HTTP_BODY = 'This port receives files by ftx. Send one with: ftx send FILE --to HOST:PORT\n';
const HTTP_REFUSAL = [
  'HTTP/1.1 501 Not Implemented',
  'Content-Type: text/plain; charset=utf-8',
  `Content-Length: ${HTTP_BODY.length}`,
  'Connection: close',
  '',
  HTTP_BODY,
].join('\r\n');

/** Answers a caller whose protocol this port does not serve. Closes the connection. */
export function refuseProtocol(connection: Connection, caller: Exclude<Caller, 'ftx'>): void {
  connection.write([encodeRefusal(caller)]).catch(() => undefined);
  connection.destroy(new FtxError('protocol', `This port does not serve ${caller}.`));
}

export function encodeRefusal(caller: Exclude<Caller, 'ftx'>): Uint8Array {
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

/** Refuses callers before a door has taken them, when the mailbox is full or being closed. */
export interface TurnAway {
  /** Finds out which protocol the caller speaks, and then sends the reason in it. */
  refuse(connection: TcpConnection, reason: FtxError): void;
  /** Sends the reason at once, to a caller that has said nothing yet or is in its TLS handshake. */
  dismiss(connection: TcpConnection, reason: FtxError): void;
  /** Dismisses the callers that refuse() is still waiting for. */
  close(reason: FtxError): void;
}

export interface TurnAwayOptions {
  /** Whether this receiver takes encrypted senders: then a silent caller most likely speaks TLS. */
  readonly isEncrypted: boolean;
  /** How many callers refuse() waits for at once; one more is dismissed. */
  readonly maxWaiting: number;
  /** Milliseconds that such a caller has for its first byte. */
  readonly greetingMs: number;
}

export function createTurnAway({ isEncrypted, maxWaiting, greetingMs }: TurnAwayOptions): TurnAway {
  const waiting = new Set<TcpConnection>();

  function dismiss(connection: TcpConnection, reason: FtxError): void {
    if (!isEncrypted || connection.isUpgraded) return refuseFtx(connection, reason);
    connection.write([TLS_BUSY]).catch(() => undefined);
    connection.destroy(reason);
  }

  async function listenAndRefuse(connection: TcpConnection, reason: FtxError): Promise<void> {
    const accepted = await within(greetingMs, connection, 'say who it is', acceptCaller(connection, undefined));
    if (accepted?.caller === 'tls') dismiss(connection, reason);
    else refuseFtx(connection, reason);
  }

  return {
    refuse(connection, reason) {
      // A caller that speaks TLS would read the greeting of ftx as garbage. So the first byte of the caller decides.
      if (!isEncrypted || waiting.size >= maxWaiting) return dismiss(connection, reason);
      waiting.add(connection);
      void listenAndRefuse(connection, reason)
        .catch(() => undefined)
        .finally(() => waiting.delete(connection));
    },
    dismiss,
    close: (reason) => waiting.forEach((connection) => dismiss(connection, reason)),
  };
}
