import { DEFAULT_PORT } from '../defaults.js';
import { FtxError } from '../errors.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

const BRACKETED = /^\[([^[\]]*)\](?::(.*))?$/;
const HOST_AND_PORT = /^([^:]*)(?::([^:]*))?$/;
const HOST = /^[^\s/\\@[\]:]+$/;

/** `host`, `host:6000`, `[::1]:6000`, `[fe80::1%eth0]` or a bare `::1`, as a user types it. */
export function parseAddress(text: string): Address {
  if (isIPv6(text)) return { host: text, port: DEFAULT_PORT };
  const bracketed = BRACKETED.exec(text);
  if (bracketed !== null) return parseBracketed(text, bracketed[1] ?? '', bracketed[2]);
  const plain = HOST_AND_PORT.exec(text);
  const host = plain?.[1] ?? '';
  if (!HOST.test(host)) throw notAnAddress(text);
  return { host, port: parsePort(text, plain?.[2]) };
}

function parseBracketed(text: string, host: string, port: string | undefined): Address {
  if (!isIPv6(host)) {
    throw new FtxError('usage', `"${text}" does not have an IPv6 address between its brackets: write it like [::1]:6000.`);
  }
  return { host, port: parsePort(text, port) };
}

function parsePort(text: string, port: string | undefined): number {
  if (port === undefined) return DEFAULT_PORT;
  const value = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (value < 1 || value > 65_535) {
    throw new FtxError('usage', `"${text}" has a wrong port: after the colon comes a number from 1 to 65535.`);
  }
  return value;
}

// URL knows IPv6 but not zones; node:net belongs to src/net
function isIPv6(text: string): boolean {
  const [address = '', zone = 'none', ...rest] = text.split('%');
  return address.includes(':') && rest.length === 0 && /^[\w.-]+$/.test(zone) && URL.canParse(`ftx://[${address}]`);
}

function notAnAddress(text: string): FtxError {
  return new FtxError(
    'usage',
    `"${text}" is not an address: write HOST or HOST:PORT, like backup.example:6000, 192.0.2.4 or [::1]:6000.`,
  );
}

/** How parseAddress takes it back: `192.0.2.4`, `192.0.2.4:7000`, `[::1]:7000`. */
export function formatAddress(host: string, port: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === DEFAULT_PORT ? name : `${name}:${port}`;
}

/** The host of a Connection's `peer`, without the port that says nothing to people. */
export function peerHost(peer: string): string {
  const match = /^(?:\[(.*)\]|([^:]*)):\d+$/.exec(peer);
  return match?.[1] ?? match?.[2] ?? peer;
}
