/** A listening TCP port. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { errnoOf, FtxError, nameFailure } from '../core/errors.js';
import { createFarewells, TcpConnection } from './tcp.js';
import { formatAddress } from '../core/address.js';

export interface ListenOptions {
  /** 0 means any free port. */
  readonly port: number;
  /** The address of this machine to listen on. Absent: all of them, IPv4 and IPv6. */
  readonly host?: string | undefined;
  /** Destroyed connections that may linger at the same time: see Farewells. Default 24, for all listeners together. */
  readonly maxLingering?: number | undefined;
  readonly onConnection: (connection: TcpConnection) => void;
}

export interface Listener {
  readonly port: number;
  /** The addresses of this machine at which other machines reach the port. */
  readonly addresses: readonly string[];
  /** Stops accepting. Open connections stay open. */
  close(): void;
}

/** Listens until the listener is closed. Throws FtxError `port-in-use`, `denied` or `unknown-host`. */
export async function listen({ port, host, maxLingering, onConnection }: ListenOptions): Promise<Listener> {
  const farewells = maxLingering === undefined ? undefined : createFarewells(maxLingering);
  const server = createServer({ allowHalfOpen: true }, (socket) => onConnection(new TcpConnection(socket, farewells)));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host }, resolve);
    });
  } catch (error) {
    throw listenError(port, host, error as Error);
  }
  // When accepting a caller fails, the port stays open for the next one.
  server.on('error', () => undefined);
  return { port: portOf(server), addresses: findAddresses(host), close: () => void server.close() };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

const ANY_ADDRESS: ReadonlySet<string | undefined> = new Set([undefined, '::', '0.0.0.0']);

/**
 * Leaves out link-local addresses, which are typed with an interface name of the
 * other machine. A machine without a network has `localhost`.
 */
function findAddresses(host: string | undefined): readonly string[] {
  if (host !== undefined && !ANY_ADDRESS.has(host)) return [host];
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const usable = all.filter(({ internal, address, family }) => {
    return !internal && !/^fe80:/i.test(address) && (host !== '0.0.0.0' || family === 'IPv4');
  });
  return usable.length > 0 ? usable.map(({ address }) => address) : ['localhost'];
}

const NO_ADDRESS: Readonly<Record<string, string | undefined>> = {
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'no host of that name is known',
  EAI_AGAIN: 'no host of that name is known',
};

function listenError(port: number, host: string | undefined, cause: Error): FtxError {
  const errno = errnoOf(cause);
  if (errno === 'EADDRINUSE')
    return new FtxError(
      'port-in-use',
      `Port ${port} is in use. Stop what listens there, or take another with --port.`,
      { cause },
    );
  if (errno === 'EACCES')
    return new FtxError('denied', `This user may not listen on port ${port}. Take one above 1023 with --port.`, {
      cause,
    });
  const where = host === undefined ? `port ${port}` : formatAddress({ host, port });
  return new FtxError(
    'unknown-host',
    `Cannot listen on ${where}: ${NO_ADDRESS[errno ?? ''] ?? nameFailure(cause)}. Check --host.`,
    { cause },
  );
}
