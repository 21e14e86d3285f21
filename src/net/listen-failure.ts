/** Why no port could be listened on, in words for people. */
import { formatAddress, unmapHost } from '../core/address.js';
import { errnoOf, FtxError, nameFailure } from '../core/errors.js';
import { familyOf } from './dial-failure.js';

/** What was to be listened on. `host` undefined: all addresses of this machine. */
export interface Place {
  readonly port: number;
  readonly host: string | undefined;
}

const FIRST_FREE_PORT = 1024;

/** The reason in a few words, and the way out. */
const REASONS: Readonly<Record<string, readonly [string, string] | undefined>> = {
  EADDRNOTAVAIL: ['this machine has no such address', 'Check --host.'],
  EINVAL: ['the address needs the name of an interface of this machine, as in fe80::1%eth0', 'Check --host.'],
  ENODEV: ['this machine has no interface of that name', 'Check --host.'],
  ENOTFOUND: ['no host of that name is known', 'Check --host.'],
  EAI_AGAIN: ['the host name cannot be looked up', 'Give an address to --host.'],
  EMFILE: ['this process has too many files open', 'Try again.'],
  ENFILE: ['this machine has too many files open', 'Try again.'],
  ENOBUFS: ['this machine is short of memory', 'Try again.'],
  ENOMEM: ['this machine is short of memory', 'Try again.'],
};

/**
 * FtxError `port-in-use`, `unknown-host` for a name that leads to no address, or `cannot-listen`. `hasFamily`: whether
 * this machine has any address of the family.
 */
export function listenError(
  { port, host }: Place,
  cause: Error,
  hasFamily: (family: 'IPv4' | 'IPv6') => boolean,
): FtxError {
  const errno = errnoOf(cause) ?? '';
  if (errno === 'EADDRINUSE') {
    const advice = 'Stop what listens there, or take another with --port.';
    return new FtxError('port-in-use', `Port ${port} is in use. ${advice}`, { cause });
  }
  const where = host === undefined ? `port ${port}` : formatAddress({ host, port });
  const [why, advice] = explain({ port, host }, cause, hasFamily);
  const isUnknown = errno === 'ENOTFOUND' || errno.startsWith('EAI_');
  return new FtxError(isUnknown ? 'unknown-host' : 'cannot-listen', `Cannot listen on ${where}: ${why}. ${advice}`, {
    cause,
  });
}

function explain({ port, host }: Place, cause: Error, hasFamily: (family: 'IPv4' | 'IPv6') => boolean) {
  const errno = errnoOf(cause) ?? '';
  const isRefused = errno === 'EACCES' || errno === 'EPERM';
  if (isRefused && port < FIRST_FREE_PORT)
    return [`this user may not listen on ports below ${FIRST_FREE_PORT}`, 'Take another with --port.'];
  if (isRefused) return ['this machine does not permit that', 'Take another port with --port.'];
  const family = familyOf(unmapHost(host ?? ''));
  const isOff = errno === 'EAFNOSUPPORT' || (errno === 'EADDRNOTAVAIL' && !hasFamily(family));
  if (isOff)
    return [`${family} is switched off on this machine`, 'Leave --host out to listen on all addresses that it has.'];
  return REASONS[errno] ?? [nameFailure(cause), 'Check --host and --port.'];
}
