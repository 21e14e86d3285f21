/** The gate decides which senders get into a receiver that is not open to all. */
import { type Address, formatAddress } from '../core/address.js';
import { FtxError, toFtxError } from '../core/errors.js';
import { spellFingerprint, type Fingerprint } from '../core/fingerprint.js';
import type { CodeTry, OneTimeCode } from '../identity/one-time-code.js';
import type { EventListener } from '../core/events.js';
import type { Channel } from '../protocol/channel.js';
import { DEFAULT_TIMEOUTS, MAX_TIMER_MS } from '../protocol/constants.js';
import { CANNOT_TELL, NOT_KNOWN } from './turn-away.js';
import { pairAsReceiver, type Verifying } from '../session/pairing.js';
import { readKnownPeers, rememberSender } from '../home/known-peers.js';

/** How soon a sender that is forgotten in the middle of a session is dropped. */
const REVOKE_MS = 1_000;

/** A sender at the gate, its identity proved by TLS. */
export interface Caller {
  readonly peer: Fingerprint;
  readonly address: Address;
  readonly binding: Uint8Array;
  /** The number of the session in events. */
  readonly session: number;
  /** Ends the session, because the sender is not known any more. */
  readonly drop: () => void;
}

/** A sender that may begin a session. */
export interface Pass {
  /** Set for a stranger, which has to pair before anything else. Resolves with whether the stranger has paired. */
  readonly pair?: (channel: Channel) => Promise<boolean>;
  /** To be called when the session is over. */
  release(): void;
}

export interface Gate {
  /** The number of remembered senders when the gate was opened. */
  readonly senders: number;
  /** Returns a pass, or the FtxError to tell a caller that does not get in. The `failed` event has the reason for the owner. */
  admit(caller: Caller): Promise<Pass | FtxError>;
  close(): void;
}

/** A code for one new sender. */
export interface Pairing {
  readonly text: string;
  readonly code: OneTimeCode;
  readonly lifetimeMs: number;
}

export interface GateOptions {
  /** Folder with the known peers. */
  readonly home: string;
  readonly own: Fingerprint;
  readonly pairing: Pairing | undefined;
  readonly onEvent: EventListener;
}

/** Throws FtxError `home` when the list of known peers cannot be read. */
export async function openGate(options: GateOptions): Promise<Gate> {
  const { home, pairing, onEvent } = options;
  const { senders } = await readKnownPeers(home);
  const held = holdKnown(home);
  function refuse({ session, address }: Caller, { code, message }: FtxError, answer: FtxError): FtxError {
    onEvent({ type: 'failed', session, path: null, code, message, peer: formatAddress(address) });
    return answer;
  }
  const expire = () => pairing?.code.expire() && onEvent({ type: 'code', state: 'expired' });
  const expiry = pairing && setTimeout(expire, Math.min(pairing.lifetimeMs, MAX_TIMER_MS));
  return {
    senders: senders.size,
    async admit(caller) {
      try {
        // The list is read anew each time, so that a sender that was forgotten a moment ago does not get in.
        const known = await readKnownPeers(home);
        if (known.senders.has(caller.peer)) return { release: held.add(caller) };
      } catch (error) {
        return refuse(caller, toFtxError(error), CANNOT_TELL);
      }
      if (!pairing?.code.isOpen) return refuse(caller, describeStranger(caller), NOT_KNOWN);
      let release: () => void = () => undefined;
      const onPaired = () => (release = held.add(caller));
      // The event `code` comes at the end of the session, after the event that says why the try failed.
      const onBurned = () => (release = () => onEvent({ type: 'code', state: 'burned' }));
      return {
        pair: (channel) => pairStranger(channel, pairing, { ...options, caller, onPaired, onBurned }),
        release: () => release(),
      };
    },
    close() {
      clearTimeout(expiry);
      held.close();
    },
  };
}

interface Stranger extends GateOptions {
  readonly caller: Caller;
  readonly onPaired: () => void;
  readonly onBurned: () => void;
}

async function pairStranger(channel: Channel, pairing: Pairing, stranger: Stranger): Promise<boolean> {
  const { own, home, caller, onEvent, onPaired, onBurned } = stranger;
  let attempt: CodeTry | undefined;
  let accepts: ((proof: string) => boolean) | undefined;
  const verifying: Verifying = {
    async answer(request) {
      // The try is counted before anything else, so that two senders that come at once do not share a try.
      attempt = pairing.code.begin();
      const { createVerifier } = await import('../identity/pake.js');
      const parties = { sender: caller.peer, receiver: own, binding: caller.binding };
      const verifier = await createVerifier(pairing.text, parties, request);
      if (!verifier) throw new FtxError('protocol', `${formatAddress(caller.address)} does not pair as ftx does.`);
      ({ accepts } = verifier);
      return verifier.answer;
    },
    async accept(proof) {
      if (!accepts?.(proof)) throw new FtxError('unpaired', 'The code is wrong.');
      const right = attempt;
      attempt = undefined;
      // The code is claimed first, so that it lets in only one of those who give it at once.
      right?.claim();
      await rememberSender(home, caller.peer, caller.address.host).catch((error: unknown) => {
        right?.giveBack();
        throw error;
      });
      onPaired();
      onEvent({ type: 'paired', session: caller.session, peer: formatAddress(caller.address), identity: caller.peer });
    },
  };
  try {
    return await pairAsReceiver(channel, verifying, DEFAULT_TIMEOUTS.pairMs);
  } catch (error) {
    const outcome = attempt?.fail();
    if (!outcome) throw error;
    if (outcome.burned) onBurned();
    throw new FtxError(
      'unpaired',
      `A try to pair from ${formatAddress(caller.address)} failed: the code was wrong, or the sender broke off. ${describeTries(outcome.left)}`,
      { cause: error },
    );
  }
}

function describeTries(left: number): string {
  if (left === 0) return 'There is no try left.';
  return left === 1 ? 'There is one try left.' : `There are ${left} tries left.`;
}

function describeStranger({ peer, address }: Caller): FtxError {
  const who = `${formatAddress(address)} is not known here: it is ${spellFingerprint(peer)} (${peer}).`;
  return new FtxError('unpaired', `${who} To let it in, stop this receiver and start it again with --pair.`);
}

/** Holds the known senders whose sessions run, and drops a sender that is forgotten meanwhile. */
function holdKnown(home: string) {
  const callers = new Set<Caller>();
  let timer: NodeJS.Timeout | undefined;

  async function check(): Promise<void> {
    // A list that cannot be read now revokes nobody. The next connection reports it.
    const known = await readKnownPeers(home).catch(() => undefined);
    if (!known) return;
    for (const { peer, drop } of callers) if (!known.senders.has(peer)) drop();
  }

  return {
    /** Returns the function that releases the caller. */
    add(caller: Caller): () => void {
      callers.add(caller);
      timer ??= setInterval(() => void check(), REVOKE_MS);
      return () => {
        callers.delete(caller);
        if (callers.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    close: () => clearInterval(timer),
  };
}
