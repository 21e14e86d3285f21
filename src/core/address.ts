/** Network addresses: parsed as a user types them, and formatted for people. */
import { DEFAULT_PORT } from './defaults.js';
import { FtxError } from './errors.js';

export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

const BRACKETED = /^\[([^[\]]*)\](?::(.*))?$/;
const HOST_AND_PORT = /^([^:]*)(?::([^:]*))?$/;
const HOST = /^[^\s/\\@[\]:]+$/;

/** Parses `host`, `host:6000`, `[::1]:6000`, `[fe80::1%eth0]` or a bare `::1`. Throws FtxError `usage`. */
export function parseAddress(text: string): Address {
  if (isIPv6(text)) return { host: text, port: DEFAULT_PORT };
  const bracketed = BRACKETED.exec(text);
  if (bracketed !== null) return parseBracketed(text, bracketed[1] ?? '', bracketed[2]);
  const plain = HOST_AND_PORT.exec(text);
  const host = plain?.[1] ?? '';
  if (!HOST.test(host)) throw addressError(text);
  return { host, port: parsePort(text, plain?.[2]) };
}

function parseBracketed(text: string, host: string, port: string | undefined): Address {
  if (!isIPv6(host)) {
    throw new FtxError(
      'usage',
      `"${text}" does not have an IPv6 address between its brackets: write it like [::1]:6000.`,
    );
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

// URL parses IPv6 but no zones. A browser has no node:net, which would parse both.
function isIPv6(text: string): boolean {
  const [address = '', zone = 'none', ...rest] = text.split('%');
  // Without the look at its signs, what follows an @ would be parsed as the host.
  const isLike = /^[\da-f.]*:[\da-f:.]*$/i.test(address) && rest.length === 0 && /^[\w.-]+$/.test(zone);
  return isLike && URL.canParse(`ftx://[${address}]`);
}

function addressError(text: string): FtxError {
  return new FtxError(
    'usage',
    `"${text}" is not an address: write HOST or HOST:PORT, like backup.example:6000, 192.0.2.4 or [::1]:6000.`,
  );
}

/** `host:port`, with brackets around IPv6; an IPv4 address mapped into IPv6 is shown as IPv4. */
export function formatAddress({ host, port }: Address): string {
  const plain = unmapHost(host);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** An IPv4 address that is mapped into IPv6 (`::ffff:192.0.2.7`, `::ffff:c000:207`) as IPv4; any other host as it is. */
export function unmapHost(host: string): string {
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(host);
  if (!hex) return host.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
  return hex
    .slice(1)
    .flatMap((part) => [parseInt(part, 16) >> 8, parseInt(part, 16) & 0xff])
    .join('.');
}

/** What a user has to type to reach the address: formatAddress without the port that is the default. */
export function formatTarget(address: Address): string {
  const text = formatAddress(address);
  return address.port === DEFAULT_PORT ? text.slice(0, text.lastIndexOf(':')) : text;
}

/** The key under which a receiver is remembered. All spellings of a host are the same; another port is another receiver. */
export function nameHost({ host, port }: Address): string {
  return formatAddress({ host: canonicalHost(host), port });
}

/** The addresses that mean "this machine" when they are connected to, as those that lead there too. */
const LOOPBACK: Readonly<Record<string, string | undefined>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * The one spelling of a host: `0:0:0:0:0:0:0:1` is `::1`, `127.1` and `::ffff:7f00:1` are `127.0.0.1`. A name is in
 * lower case, in ASCII, and without a dot at its end.
 */
export function canonicalHost(host: string): string {
  const [address = '', zone] = host.toLowerCase().split('%');
  if (isIPv6(host)) {
    const plain = unmapHost(hostnameOf(`ftx://[${address}]`)?.slice(1, -1) ?? address);
    return zone === undefined ? (LOOPBACK[plain] ?? plain) : `${plain}%${zone}`;
  }
  // What has a meaning in a URL has none in a host name.
  const bare = host.replace(/(.)\.+$/, '$1');
  const plain = (/[?#%:@/\\]/.test(bare) ? undefined : hostnameOf(`http://${bare}`)) ?? bare.toLowerCase();
  return LOOPBACK[plain] ?? plain;
}

function hostnameOf(url: string): string | undefined {
  // Not URL.canParse, which Node 20 gets wrong for letters like ß once it has been called some thousand times.
  try {
    return new URL(url).hostname;
  } catch {
    return undefined;
  }
}

/** The host in what formatAddress has written. It names a caller, whose port differs from connection to connection. */
export function hostOf(formatted: string): string {
  const match = /^(?:\[(.*)\]|([^:]*)):\d+$/.exec(formatted);
  return match?.[1] ?? match?.[2] ?? formatted;
}
