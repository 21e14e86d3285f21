/** Whom this installation sends to: as ssh does it, the first at an address is remembered, or the one that knows a code. */
import { FtxError } from '../core/errors.js';
import type { CodeDesk } from './code-desk.js';
import { parseFingerprint, spellFingerprint, type Fingerprint } from '../core/fingerprint.js';
import type { Identity } from '../identity/identity.js';
import { nameHost, type Address } from '../core/address.js';
import type { TcpConnection } from '../net/tcp.js';
import { startTls, type Secured } from '../net/tls.js';
import type { Channel } from '../protocol/channel.js';
import { DEFAULT_TIMEOUTS, PAIR_CAPABILITY } from '../protocol/constants.js';
import type { Hello } from '../protocol/messages.js';
import { pairAsSender } from '../session/pairing.js';
import type { SessionEvent } from '../session/tally.js';
import { findHome } from '../home/state-dir.js';
import { loadIdentity } from '../home/own-identity.js';
import { readKnownPeers, rememberHost } from '../home/known-peers.js';

export interface TrustOptions {
  readonly to: Address;
  /** The only identity to take, whatever is remembered. */
  readonly peer?: string | undefined;
  readonly home?: string | undefined;
  readonly desk: CodeDesk;
  readonly emit: (event: SessionEvent) => void;
}

export interface Trust {
  /** Encrypts a connection and refuses another receiver than the known one. */
  secure(connection: TcpConnection): Promise<Meeting>;
}

export interface Meeting {
  /** Gets to know each other before anything is offered. Throws FtxError `unpaired`, `identity` or `home`. */
  readonly introduce: (channel: Channel, hello: Hello) => Promise<void>;
}

/** Reads all that is needed before anybody is called. Throws FtxError `home`, or `usage` for a wrong `peer`. */
export async function prepareTrust(options: TrustOptions): Promise<Trust> {
  const { to, peer } = options;
  const pinned = peer === undefined ? undefined : parseFingerprint(peer);
  const home = findHome(options.home);
  const name = nameHost(to);
  const [own, { hosts }] = await Promise.all([loadIdentity(home), readKnownPeers(home)]);
  const remembered = hosts.get(name);
  const known = pinned ?? remembered?.identity;
  // Who was only the first to answer has proved nothing.
  const isProved = pinned !== undefined || remembered?.paired === true;
  return {
    async secure(connection) {
      const secured = await startTls(connection, own);
      const judge = (expected: Fingerprint) => {
        if (secured.peer !== expected) throw refuseStranger(to, expected, secured.peer, pinned !== undefined);
      };
      try {
        if (known !== undefined) judge(known);
      } catch (error) {
        connection.destroy(error as Error);
        throw error;
      }
      const remember = async (paired: boolean) => {
        if (pinned === undefined) judge(await rememberHost(home, name, secured.peer, paired));
      };
      const isKnown = known !== undefined;
      return {
        introduce: (channel, hello) =>
          introduce({ ...options, channel, hello, secured, own, isKnown, isProved, remember }),
      };
    },
  };
}

interface Introduction extends TrustOptions {
  readonly channel: Channel;
  readonly hello: Hello;
  readonly secured: Secured;
  readonly own: Identity;
  readonly isKnown: boolean;
  readonly isProved: boolean;
  readonly remember: (paired: boolean) => Promise<void>;
}

async function introduce(introduction: Introduction): Promise<void> {
  const { to, desk, emit, channel, hello, secured, own, isKnown, isProved, remember } = introduction;
  const identity = secured.peer;
  if (hello.capabilities.includes(PAIR_CAPABILITY)) {
    if (desk.code === undefined) throw desk.want(nameHost(to));
    // Loaded when needed: who is known does not pay for it.
    const { createProver } = await import('../identity/pake.js');
    const prover = await createProver(desk.code, {
      sender: own.fingerprint,
      receiver: identity,
      binding: secured.binding,
    });
    await pairAsSender(channel, { ...prover, onProved: () => remember(true) }, DEFAULT_TIMEOUTS.pairMs);
    emit({ type: 'paired', peer: nameHost(to), identity });
    return;
  }
  if (!isProved && (desk.insists || desk.code !== undefined)) throw refuseUnproved(to, identity, isKnown);
  if (!isKnown) {
    await remember(false);
    emit({ type: 'peer', ...to, identity });
  }
}

const show = (fingerprint: Fingerprint) => `${spellFingerprint(fingerprint)} (${fingerprint})`;

function refuseStranger(to: Address, expected: Fingerprint, met: Fingerprint, pinned: boolean): FtxError {
  const name = nameHost(to);
  const found = `${name} shows the identity ${show(met)}, but ${pinned ? 'wanted' : 'known'} is ${show(expected)}`;
  const advice = pinned
    ? 'Check the address and the identity.'
    : `Somebody may be listening in. If you know why it changed: ftx peers forget ${name}`;
  return new FtxError('identity', `${found}. Nothing was sent. ${advice}`);
}

function refuseUnproved(to: Address, met: Fingerprint, isKnown: boolean): FtxError {
  const known = isKnown ? 'is known here, but not by a code,' : 'is not known here';
  const found = `${nameHost(to)} ${known} and asks for none: it may not be the receiver that has shown you one. It is ${show(met)}`;
  const advice = `If that is what the receiver shows, send with --peer ${met} and without a code.`;
  return new FtxError('identity', `${found}. Nothing was sent. ${advice}`);
}
