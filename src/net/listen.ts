/** A listening TCP port. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { errnoOf, FtxError, nameFailure } from '../core/errors.js';
import { createFarewells, TcpConnection } from './tcp.js';
import { formatAddress } from '../core/address.js';

export interface ListenOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** One address of this machine; all of them, IPv4 and IPv6, when absent. */
  readonly host?: string | undefined;
  /** Connections that may linger at a time after they were destroyed; 24 if absent. */
  readonly maxLingering?: number | undefined;
  readonly onConnection: (connection: TcpConnection) => void;
}

export interface Listener {
  readonly port: number;
  /** Addresses of this machine at which others reach the port. */
  readonly addresses: readonly string[];
  /** Stops accepting; connections that are open stay. */
  close(): void;
}

/** Throws FtxError `port-in-use`, `denied` or `unknown-host`. */
export async function listen({ port, host, maxLingering, onConnection }: ListenOptions): Promise<Listener> {
  const farewells = maxLingering === undefined ? undefined : createFarewells(maxLingering);
  const server = createServer({ allowHalfOpen: true }, (socket) => onConnection(new TcpConnection(socket, farewells)));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host }, resolve);
    });
  } catch (error) {
    throw describeListenFailure(port, host, error as Error);
  }
  // A failed accept concerns one caller; the port stays open for the next.
  server.on('error', () => undefined);
  return { port: portOf(server), addresses: findAddresses(host), close: () => void server.close() };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

const ANY_ADDRESS: ReadonlySet<string | undefined> = new Set([undefined, '::', '0.0.0.0']);

/** Without link-local ones, which need the other machine's interface name; this machine alone has its loopback. */
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

function describeListenFailure(port: number, host: string | undefined, cause: Error): FtxError {
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
