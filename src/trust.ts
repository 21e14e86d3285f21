/** Who this installation is, whom it knows, and whom it sends to: as ssh does it, the first at an address is remembered. */
import { FtxError } from './errors.js';
import { parseFingerprint, spellFingerprint, type Fingerprint } from './identity/fingerprint.js';
import { formatAddress, type TcpConnection } from './net/tcp.js';
import { startTls } from './net/tls.js';
import { findHome, loadIdentity } from './storage/home.js';
import { forgetHost, readKnownHosts, rememberHost } from './storage/known-peers.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface TrustOptions {
  readonly to: Address;
  /** The only identity to take, whatever is remembered. */
  readonly peer?: string | undefined;
  readonly home?: string | undefined;
}

export interface Trust {
  /** Encrypts a connection and makes sure who is at its other end; resolves with the identity if it was met for the first time. */
  secure(connection: TcpConnection): Promise<Fingerprint | undefined>;
}

/** Reads all that is needed before anybody is called. Throws FtxError `home`, or `usage` for a wrong `peer`. */
export async function prepareTrust({ to, peer, home: chosen }: TrustOptions): Promise<Trust> {
  const pinned = peer === undefined ? undefined : parseFingerprint(peer);
  const home = findHome(chosen);
  const name = nameHost(to);
  const [own, hosts] = await Promise.all([loadIdentity(home), readKnownHosts(home)]);
  const known = pinned ?? hosts.get(name)?.identity;
  return {
    async secure(connection) {
      const met = await startTls(connection, own);
      try {
        const expected = known ?? (await rememberHost(home, name, met));
        if (met !== expected) throw refuseStranger(to, expected, met, pinned !== undefined);
        return known === undefined ? met : undefined;
      } catch (error) {
        connection.destroy(error as Error);
        throw error;
      }
    },
  };
}

/** Names have no case, but the port counts: another one is another receiver. */
function nameHost({ host, port }: Address): string {
  return formatAddress(host.toLowerCase(), port);
}

function refuseStranger(to: Address, expected: Fingerprint, met: Fingerprint, pinned: boolean): FtxError {
  const name = nameHost(to);
  const show = (fingerprint: Fingerprint) => `${spellFingerprint(fingerprint)} (${fingerprint})`;
  const found = `${name} shows the identity ${show(met)}, but ${pinned ? 'wanted' : 'known'} is ${show(expected)}`;
  const advice = pinned
    ? 'Check the address and the identity.'
    : `Somebody may be listening in. If you know why it changed: ftx peers forget ${name}`;
  return new FtxError('identity', `${found}. Nothing was sent. ${advice}`);
}

/** This installation's own identity, made on first use. Throws FtxError `home`. */
export async function readOwnIdentity(home?: string): Promise<Fingerprint> {
  return (await loadIdentity(findHome(home))).fingerprint;
}

/** One that this installation has sent to. */
export interface KnownReceiver {
  /** `host:port`. */
  readonly host: string;
  readonly identity: Fingerprint;
  /** ISO 8601. */
  readonly since: string;
}

/** Sorted by host. Throws FtxError `home`. */
export async function listPeers(home?: string): Promise<readonly KnownReceiver[]> {
  const hosts = await readKnownHosts(findHome(home));
  return [...hosts].map(([host, peer]) => ({ host, ...peer })).sort((a, b) => (a.host < b.host ? -1 : 1));
}

/** Whoever is met there next is remembered anew. Resolves with whether it was known. Throws FtxError `home`. */
export async function forgetPeer(to: Address, home?: string): Promise<boolean> {
  return forgetHost(findHome(home), nameHost(to));
}
