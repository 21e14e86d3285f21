/** Connecting to a listening TCP port. */
import { connect } from 'node:net';
import { abortReason, errnoOf, FtxError, nameFailure } from '../core/errors.js';
import { formatAddress } from '../core/address.js';
import { TcpConnection } from './tcp.js';

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /** Milliseconds that connecting may take. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Connects. Throws FtxError `unknown-host` or `no-connection`, or the reason of the signal. */
export async function dial({ host, port, timeoutMs, signal }: DialOptions): Promise<TcpConnection> {
  if (signal?.aborted) throw abortReason(signal);
  const socket = connect({ host, port, allowHalfOpen: true });
  const where = formatAddress({ host, port });
  const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  const abort = () => signal && socket.destroy(abortReason(signal));
  signal?.addEventListener('abort', abort);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
  } catch (error) {
    if (signal?.aborted) throw abortReason(signal);
    throw dialError(where, host, error as Error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
  return new TcpConnection(socket);
}

const UNREACHABLE: Readonly<Record<string, string | undefined>> = {
  ETIMEDOUT: 'nothing answers there',
  EHOSTUNREACH: 'no way leads to that machine',
  ENETUNREACH: 'no way leads to that network',
};

function dialError(where: string, host: string, cause: Error): FtxError {
  const errno = errnoOf(cause);
  if (errno === 'ENOTFOUND' || errno === 'EAI_AGAIN')
    return new FtxError('unknown-host', `The host ${host} is not known. Check the name, or use its IP address.`, {
      cause,
    });
  if (errno === 'ECONNREFUSED')
    return new FtxError(
      'no-connection',
      `Nothing listens on ${where}. Start "ftx receive" there, and check the port.`,
      { cause },
    );
  return new FtxError(
    'no-connection',
    `No connection to ${where}: ${UNREACHABLE[errno ?? ''] ?? nameFailure(cause)}. Check the address and the network.`,
    { cause },
  );
}
