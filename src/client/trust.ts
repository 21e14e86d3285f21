/**
 * Which receiver is the right one. As with ssh, the first receiver that answers
 * at an address is remembered, and from then on no other is accepted there. A
 * receiver that has proved by a code who it is, or that the caller names by its
 * fingerprint, is known better than that: only then does a code have nothing
 * left to prove.
 */
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
  /** The only identity to accept, whatever is remembered. */
  readonly peer?: string | undefined;
  readonly home?: string | undefined;
  readonly desk: CodeDesk;
  /** Gets the events `paired` and `peer`. */
  readonly emit: (event: SessionEvent) => void;
}

export interface Trust {
  /**
   * Encrypts the connection. Throws FtxError `identity`, and closes the
   * connection, if the receiver is not the known one.
   */
  secure(connection: TcpConnection): Promise<Meeting>;
}

/** A receiver whose key has been judged, before its greeting. */
export interface Meeting {
  readonly identity: Fingerprint;
  /**
   * Pairs if the receiver asks for a code, and remembers a receiver that was
   * not known. Comes after the greeting and before anything is offered. Throws
   * FtxError `unpaired`, `identity`, `home`, or what the connection fails with.
   */
  readonly introduce: (channel: Channel, hello: Hello) => Promise<void>;
}

/** What is known of the receiver before it is called. */
interface Knowledge {
  readonly own: Identity;
  /** The identity to accept; undefined if any will do. */
  readonly known: Fingerprint | undefined;
  /** Whether `known` was given by the caller. */
  readonly isPinned: boolean;
  /** Whether `known` is more than the first receiver that has answered. */
  readonly isProved: boolean;
  readonly home: string;
}

/** Reads the own identity and the known peers. Throws FtxError `home`, or `usage` for a malformed `peer`. */
export async function prepareTrust(options: TrustOptions): Promise<Trust> {
  const pinned = options.peer === undefined ? undefined : parseFingerprint(options.peer);
  const home = findHome(options.home);
  const [own, { hosts }] = await Promise.all([loadIdentity(home), readKnownPeers(home)]);
  const remembered = hosts.get(nameHost(options.to));
  const knowledge = {
    own,
    home,
    known: pinned ?? remembered?.identity,
    isPinned: pinned !== undefined,
    isProved: pinned !== undefined || remembered?.paired === true,
  };
  return { secure: (connection) => secure(connection, options, knowledge) };
}

async function secure(connection: TcpConnection, options: TrustOptions, knowledge: Knowledge): Promise<Meeting> {
  const { own, known, isPinned } = knowledge;
  const secured = await startTls(connection, own);
  if (known !== undefined && secured.peer !== known) {
    const error = strangerError(options.to, known, secured.peer, isPinned);
    connection.destroy(error);
    throw error;
  }
  return {
    identity: secured.peer,
    introduce: (channel, hello) => introduce(channel, hello, secured, options, knowledge),
  };
}

async function introduce(
  channel: Channel,
  { capabilities }: Hello,
  secured: Secured,
  options: TrustOptions,
  knowledge: Knowledge,
): Promise<void> {
  const { to, desk, emit } = options;
  const { known, isProved } = knowledge;
  const identity = secured.peer;
  if (capabilities.includes(PAIR_CAPABILITY)) {
    await pair(channel, secured, options, knowledge);
    emit({ type: 'paired', peer: nameHost(to), identity });
    return;
  }
  if (!isProved && (desk.insists || desk.code !== undefined)) throw unprovedError(to, identity, known !== undefined);
  if (known === undefined) {
    await remember(identity, false, options, knowledge);
    emit({ type: 'peer', ...to, identity });
  }
}

async function pair(
  channel: Channel,
  { peer, binding }: Secured,
  options: TrustOptions,
  knowledge: Knowledge,
): Promise<void> {
  const { to, desk } = options;
  if (desk.code === undefined) throw desk.codeWantedError(nameHost(to));
  // Loaded when needed: a sender that is known does not pair.
  const { createProver } = await import('../identity/pake.js');
  const parties = { sender: knowledge.own.fingerprint, receiver: peer, binding };
  const prover = await createProver(desk.code, parties);
  const onProved = () => remember(peer, true, options, knowledge);
  await pairAsSender(channel, { ...prover, onProved }, DEFAULT_TIMEOUTS.pairMs);
}

/** Another process may have met a receiver at the same address meanwhile: the first one counts. */
async function remember(
  met: Fingerprint,
  paired: boolean,
  { to }: TrustOptions,
  { home, isPinned }: Knowledge,
): Promise<void> {
  if (isPinned) return;
  const kept = await rememberHost(home, nameHost(to), met, paired);
  if (kept !== met) throw strangerError(to, kept, met, false);
}

const show = (fingerprint: Fingerprint) => `${spellFingerprint(fingerprint)} (${fingerprint})`;

function strangerError(to: Address, expected: Fingerprint, met: Fingerprint, pinned: boolean): FtxError {
  const name = nameHost(to);
  const found = `${name} shows the identity ${show(met)}, but ${pinned ? 'wanted' : 'known'} is ${show(expected)}`;
  const advice = pinned
    ? 'Check the address and the identity.'
    : `Somebody may be listening in. If you know why it changed: ftx peers forget ${name}`;
  return new FtxError('identity', `${found}. Nothing was sent. ${advice}`);
}

function unprovedError(to: Address, met: Fingerprint, isKnown: boolean): FtxError {
  const known = isKnown ? 'is known here, but not by a code,' : 'is not known here';
  const found = `${nameHost(to)} ${known} and asks for none: it may not be the receiver that has shown you one. It is ${show(met)}`;
  const advice = `If that is what the receiver shows, send with --peer ${met} and without a code.`;
  return new FtxError('identity', `${found}. Nothing was sent. ${advice}`);
}
