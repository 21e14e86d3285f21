/** A listening TCP port. */
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { listenError } from './listen-failure.js';
import { createFarewells, TcpConnection } from './tcp.js';

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

/** Listens until the listener is closed. Throws FtxError `port-in-use`, `cannot-listen` or `unknown-host`. */
export async function listen({ port, host, maxLingering, onConnection }: ListenOptions): Promise<Listener> {
  const farewells = maxLingering === undefined ? undefined : createFarewells(maxLingering);
  const server = createServer({ allowHalfOpen: true }, (socket) => onConnection(new TcpConnection(socket, farewells)));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host }, resolve);
    });
  } catch (error) {
    throw listenError({ port, host }, error as Error, hasFamily);
  }
  // When accepting a caller fails, the port stays open for the next one.
  server.on('error', () => undefined);
  // Where IPv6 is switched off, Node listens on the addresses of IPv4 when no host is given.
  const { port: own, address } = server.address() as AddressInfo;
  return { port: own, addresses: findAddresses(host ?? address), close: () => void server.close() };
}

const ANY_ADDRESS: ReadonlySet<string> = new Set(['::', '0.0.0.0']);

/**
 * Leaves out link-local addresses, which are typed with an interface name of the
 * other machine. A machine without a network has `localhost`.
 */
function findAddresses(host: string): readonly string[] {
  if (!ANY_ADDRESS.has(host)) return [host];
  const usable = listAddresses().filter(({ internal, address, family }) => {
    return !internal && !/^fe80:/i.test(address) && (host !== '0.0.0.0' || family === 'IPv4');
  });
  return usable.length > 0 ? usable.map(({ address }) => address) : ['localhost'];
}

function listAddresses() {
  return Object.values(networkInterfaces()).flatMap((found) => found ?? []);
}

function hasFamily(wanted: 'IPv4' | 'IPv6'): boolean {
  return listAddresses().some(({ family }) => family === wanted);
}
