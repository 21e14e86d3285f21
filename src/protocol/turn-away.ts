/** What a caller is told that cannot be served now: PROTOCOL.md section 2. */
import { FtxError } from '../errors.js';
import type { Connection } from '../ports.js';
import { encodeControl } from './codec.js';
import { GREETING } from './constants.js';

export const ENCRYPTED_ONLY = new FtxError('refused', 'This receiver takes encrypted senders only. Send without --plain.');
export const NOT_KNOWN = new FtxError('unpaired', 'This receiver takes only senders that it knows. Ask its owner to start "ftx receive --pair" there, and for the code that it shows.');
export const CANNOT_TELL = new FtxError('io', 'The receiver cannot read its list of known peers, and so lets nobody in. Its owner has to look at what it says there.');
export const FORGOTTEN = new FtxError('unpaired', 'This receiver takes only senders that it knows, and has just forgotten this one.');
export const BUSY = new FtxError('busy', 'The receiver serves as many connections as it may already. Try again later.');
export const SHUTTING_DOWN = new FtxError('shutting-down', 'The receiver is being stopped. Send again when it is back.');

/** Sends the greeting, then an error in place of hello, and closes. */
export function turnAway(connection: Connection, { code, message }: FtxError): void {
  connection.write([GREETING, encodeControl({ type: 'error', id: 0, code, message })]).catch(() => undefined);
  connection.destroy(new FtxError(code, message));
}
