/** Why no address of a host could be connected to, in words for people. */
import { formatAddress, type Address } from '../core/address.js';
import { errnoOf, nameFailure } from '../core/errors.js';

/** An address that was tried, and what came of it. */
export interface Failure {
  readonly address: string;
  readonly cause: Error;
}

/** The error of an address that has not answered in time. Its text is shown. */
export const timedOut = (ms: number) => new Error(`no answer within ${ms / 1000} s`);

const REASONS: Readonly<Record<string, string | undefined>> = {
  ECONNREFUSED: 'nothing listens there',
  ETIMEDOUT: 'nothing answers there',
  ECONNRESET: 'what is there has broken the connection off at once',
  EHOSTUNREACH: 'no way leads to that machine',
  EHOSTDOWN: 'no way leads to that machine',
  ENETUNREACH: 'no way leads to that network',
  ENETDOWN: 'the network is down',
  EADDRNOTAVAIL: 'this machine has no address from which it could be reached, or no port is free',
  EACCES: 'this machine, or a firewall, does not permit that connection',
  EPERM: 'this machine, or a firewall, does not permit that connection',
  EINVAL: 'the address needs the name of an interface of this machine, as in fe80::1%eth0',
  ENODEV: 'this machine has no interface of that name',
  EMFILE: 'this process has too many files open',
  ENFILE: 'this machine has too many files open',
  ENOBUFS: 'this machine is short of memory',
  ENOMEM: 'this machine is short of memory',
};

/** The reason in a few words, without the text of the system. */
export function describeConnectFailure({ address, cause }: Failure): string {
  const errno = errnoOf(cause);
  if (errno === 'EAFNOSUPPORT') return `${familyOf(address)} is switched off on this machine`;
  return REASONS[errno ?? ''] ?? nameFailure(cause);
}

/** The family of an IP address. */
export function familyOf(address: string): 'IPv4' | 'IPv6' {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

/** Names each address with its reason; addresses with the same reason together. */
export function describeFailures({ host, port }: Address, failures: readonly Failure[]): string {
  const where = formatAddress({ host, port });
  const byReason = new Map<string, string[]>();
  for (const failure of failures) {
    const reason = describeConnectFailure(failure);
    byReason.set(reason, [...(byReason.get(reason) ?? []), failure.address]);
  }
  const isNamed = failures.some(({ address }) => address !== host);
  if (failures.every(({ cause }) => errnoOf(cause) === 'ECONNREFUSED')) {
    const at = isNamed ? ` (${listAddresses(failures.map(({ address }) => address))})` : '';
    return `Nothing listens on ${where}${at}. Start "ftx receive" there, and check the port.`;
  }
  const reasons = [...byReason].map(([reason, all]) => (isNamed ? `${listAddresses(all)}: ${reason}` : reason));
  return `No connection to ${where}: ${reasons.join('; ')}. Check the address and the network.`;
}

/** More addresses than this are counted and not named. */
const MAX_NAMED = 8;

function listAddresses(addresses: readonly string[]): string {
  const named = addresses.slice(0, MAX_NAMED).join(', ');
  const more = addresses.length - MAX_NAMED;
  return more > 0 ? `${named} and ${more} more` : named;
}
