/** The identity of this installation, and the peers that it knows. */
import { isFingerprint, spellFingerprint, type Fingerprint } from '../core/fingerprint.js';
import { nameHost } from '../core/address.js';
import { findHome } from './state-dir.js';
import { loadIdentity } from './own-identity.js';
import { forgetHost, forgetSenders, readKnownPeers } from './known-peers.js';

/** This installation's own identity, made on first use. Throws FtxError `home`. */
export async function readOwnIdentity(home?: string): Promise<Fingerprint> {
  return (await loadIdentity(findHome(home))).fingerprint;
}

interface KnownPeerBase {
  readonly identity: Fingerprint;
  /** When the peer was remembered, in ISO 8601. */
  readonly since: string;
}

export type KnownPeer =
  /** A receiver that this installation has sent to. */
  | (KnownPeerBase & {
      readonly role: 'receiver';
      /** `host:port`. */ readonly host: string;
      /** Whether the receiver has proved that it knows a code. */ readonly paired: boolean;
    })
  /** A sender that a receiver of this installation lets in when it lets in known senders only. */
  | (KnownPeerBase & {
      readonly role: 'sender';
      /** The address that the sender came from when it was let in. */ readonly address: string;
      /** The address that the sender came from last. */ readonly lastAddress: string;
      /** The day of that, `yyyy-mm-dd`. */ readonly lastSeen: string;
    });

/** Lists the receivers, sorted by host, and then the senders, the oldest first. Throws FtxError `home`. */
export async function listPeers(home?: string): Promise<readonly KnownPeer[]> {
  const { hosts, senders } = await readKnownPeers(findHome(home));
  const receivers = [...hosts].map(([host, peer]) => ({ role: 'receiver' as const, host, ...peer }));
  const letIn = [...senders].map(([identity, { address, since, last }]) => ({
    ...{ role: 'sender' as const, identity, address, since },
    lastAddress: last?.address ?? address,
    lastSeen: last?.day ?? since.slice(0, 'yyyy-mm-dd'.length),
  }));
  return [
    ...receivers.sort((a, b) => (a.host < b.host ? -1 : 1)),
    ...letIn.sort((a, b) => (a.since < b.since ? -1 : 1)),
  ];
}

/** Forgets the receiver at an address. The next one that is met there is remembered anew. Resolves with whether one was known. Throws FtxError `home`. */
export async function forgetPeer(
  to: { readonly host: string; readonly port: number },
  home?: string,
): Promise<boolean> {
  return forgetHost(findHome(home), nameHost(to));
}

const SPELLED = /^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/;

/** Whether a text names an identity, in full or as people read it to each other. A host may have a name of the second form too. */
export function isIdentity(text: string): boolean {
  return isFingerprint(text.toLowerCase()) || SPELLED.test(text.toLowerCase());
}

/**
 * Forgets a sender, which is not let in again, not even by receivers that are running. `identity`: text for which
 * isIdentity() returns true. Resolves with whether the sender was known. Throws FtxError `home`.
 */
export async function forgetSender(identity: string, home?: string): Promise<boolean> {
  const wanted = identity.toLowerCase();
  const matches = (known: Fingerprint) => known === wanted || spellFingerprint(known) === wanted;
  return (await forgetSenders(findHome(home), matches)).length > 0;
}
