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
  /** ISO 8601, when it was remembered. */
  readonly since: string;
}

export type KnownPeer =
  /** One that this installation has sent to. */
  | (KnownPeerBase & {
      readonly role: 'receiver';
      /** `host:port`. */ readonly host: string;
      /** Whether it was paired with, and not just met. */ readonly paired: boolean;
    })
  /** One that this installation lets in where it lets in no others. */
  | (KnownPeerBase & {
      readonly role: 'sender';
      /** Where it came from when it was let in. */ readonly address: string;
    });

/** Receivers sorted by host, then senders, the oldest first. Throws FtxError `home`. */
export async function listPeers(home?: string): Promise<readonly KnownPeer[]> {
  const { hosts, senders } = await readKnownPeers(findHome(home));
  const receivers = [...hosts].map(([host, peer]) => ({ role: 'receiver' as const, host, ...peer }));
  const letIn = [...senders].map(([identity, peer]) => ({ role: 'sender' as const, identity, ...peer }));
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

/** Whether a text names an identity, in full or as people read it to each other. */
export function isIdentity(text: string): boolean {
  return isFingerprint(text.toLowerCase()) || SPELLED.test(text.toLowerCase());
}

/**
 * The sender is not let in again, also by receivers that are running.
 * `identity` is one that isIdentity() says yes to. Resolves with whether it was
 * known. Throws FtxError `home`.
 */
export async function forgetSender(identity: string, home?: string): Promise<boolean> {
  const wanted = identity.toLowerCase();
  const matches = (known: Fingerprint) => known === wanted || spellFingerprint(known) === wanted;
  return (await forgetSenders(findHome(home), matches)).length > 0;
}
