/**
 * Connecting to a listening TCP port. A host may have several addresses, and
 * some of them may lead nowhere. They are tried one after the other, and those
 * before go on meanwhile: the first that answers is taken.
 */
import { connect, type Socket } from 'node:net';
import { abortReason, FtxError } from '../core/errors.js';
import { describeFailures, timedOut, type Failure } from './dial-failure.js';
import { lookUp } from './lookup.js';
import { TcpConnection } from './tcp.js';

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /** Milliseconds that looking the name up may take, and connecting after that. */
  readonly timeoutMs: number;
  /** An address of the host that has answered before. It is taken when the name cannot be looked up. */
  readonly fallback?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The time after which the next address is tried, in milliseconds. */
const NEXT_MS = 250;
/** How long a look-up may take when there is a fallback. */
const SHORT_LOOKUP_MS = 3_000;

/** Connects. Throws FtxError `unknown-host` or `no-connection`, or the reason of the signal. */
export async function dial(options: DialOptions): Promise<TcpConnection> {
  const { signal } = options;
  if (signal?.aborted) throw abortReason(signal);
  const addresses = await findAddresses(options);
  if (signal?.aborted) throw abortReason(signal);
  return new TcpConnection(await connectFirst(addresses, options));
}

async function findAddresses({ host, timeoutMs, fallback, signal }: DialOptions): Promise<readonly string[]> {
  if (fallback === undefined) return lookUp({ host, timeoutMs, signal });
  try {
    return await lookUp({ host, timeoutMs: Math.min(timeoutMs, SHORT_LOOKUP_MS), signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    return [fallback];
  }
}

/** Resolves with the socket that is connected first. All others are closed then, as all are when connecting fails. */
function connectFirst(addresses: readonly string[], { host, port, timeoutMs, signal }: DialOptions): Promise<Socket> {
  const untried = [...addresses];
  const open = new Map<Socket, string>();
  const failures: Failure[] = [];
  // However many there are, the last one has half of the time.
  const nextMs = Math.min(NEXT_MS, timeoutMs / 2 / addresses.length);
  let next: NodeJS.Timeout | undefined;

  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => {
      for (const socket of open.keys()) socket.destroy(timedOut(timeoutMs));
    }, timeoutMs);
    const abort = () => signal && settle(() => reject(abortReason(signal)));
    signal?.addEventListener('abort', abort);

    function settle(tell: () => void): void {
      clearTimeout(deadline);
      clearTimeout(next);
      signal?.removeEventListener('abort', abort);
      for (const socket of open.keys()) socket.destroy();
      open.clear();
      untried.length = 0;
      tell();
    }

    function fail(socket: Socket, cause: Error): void {
      const address = open.get(socket);
      if (address === undefined) return;
      open.delete(socket);
      failures.push({ address, cause });
      if (untried.length > 0) tryNext();
      else if (open.size === 0)
        settle(() => reject(new FtxError('no-connection', describeFailures({ host, port }, failures), { cause })));
    }

    function tryNext(): void {
      clearTimeout(next);
      const address = untried.shift();
      if (address === undefined) return;
      const socket = connect({ host: address, port, allowHalfOpen: true });
      open.set(socket, address);
      socket.once('connect', () => open.delete(socket) && settle(() => resolve(socket)));
      socket.on('error', (error) => fail(socket, error));
      next = setTimeout(tryNext, nextMs);
    }

    tryNext();
  });
}
