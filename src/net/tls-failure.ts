/** Why no encrypted connection came about, told to the sender in words of ftx instead of OpenSSL's. */
import { errnoOf, FtxError } from '../core/errors.js';

/** Numbers of TLS alerts. The names that OpenSSL has for them change from version to version. */
const HANDSHAKE_FAILURE = 40;
const INTERNAL_ERROR = 80;

export function tlsError(peer: string, cause?: Error): FtxError {
  const code = errnoOf(cause) ?? 'ECONNRESET';
  const alert = alertOf(code, cause?.message ?? '');
  if (alert === INTERNAL_ERROR)
    return new FtxError('busy', `${peer} serves as many connections as it can, or is being stopped. Try again later.`, {
      cause,
    });
  if (alert === HANDSHAKE_FAILURE) {
    const advice = 'Start it without --plain; on a network you trust, send with --plain instead.';
    return new FtxError('refused', `${peer} takes no encrypted senders. ${advice}`, { cause });
  }
  if (alert !== undefined)
    return new FtxError(
      'protocol',
      `${peer} takes no senders that encrypt like this one. Check the address and the port.`,
      { cause },
    );
  if (code.startsWith('ERR_SSL'))
    return new FtxError(
      'protocol',
      `What answers at ${peer} does not speak TLS as an ftx receiver does. Check the address and the port.`,
      { cause },
    );
  return new FtxError(
    'lost',
    `${peer} closed the connection before it was encrypted. Is it an ftx receiver? If so, send again.`,
    { cause },
  );
}

/** The alert that the other side has sent; undefined if this side has failed by itself. */
function alertOf(code: string, message: string): number | undefined {
  const number = /alert number (\d+)/i.exec(message)?.[1];
  if (number !== undefined) return Number(number);
  if (!code.includes('ALERT')) return undefined;
  if (code.endsWith('HANDSHAKE_FAILURE')) return HANDSHAKE_FAILURE;
  return code.endsWith('INTERNAL_ERROR') ? INTERNAL_ERROR : NaN;
}
