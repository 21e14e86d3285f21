/** Who gets into a receiver that is not open to all. */
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
  /** Numbers its session in events. */
  readonly session: number;
  /** Ends its session: it is not known any more. */
  readonly drop: () => void;
}

/** A sender that may begin a session. */
export interface Pass {
  /** Set for a stranger, who has to pair before anything else; resolves with whether it did. */
  readonly pair?: (channel: Channel) => Promise<boolean>;
  /** Its session is over. */
  leave(): void;
}

export interface Gate {
  /** Remembered senders when it was opened. */
  readonly senders: number;
  /** For who does not get in, what to tell the caller; an event has said why. */
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

/** Throws FtxError `home` when nobody can tell who is known. */
export async function openGate(options: GateOptions): Promise<Gate> {
  const { home, pairing, onEvent } = options;
  const { senders } = await readKnownPeers(home);
  const held = holdKnown(home);
  function refuse({ session }: Caller, { code, message }: FtxError, answer: FtxError): FtxError {
    onEvent({ type: 'failed', session, path: null, code, message });
    return answer;
  }
  const expire = () => pairing?.code.expire() && onEvent({ type: 'code', state: 'expired' });
  const expiry = pairing && setTimeout(expire, Math.min(pairing.lifetimeMs, MAX_TIMER_MS));
  return {
    senders: senders.size,
    async admit(caller) {
      try {
        // Read anew each time: who was forgotten a moment ago does not get in.
        const known = await readKnownPeers(home);
        if (known.senders.has(caller.peer)) return { leave: held.add(caller) };
      } catch (error) {
        return refuse(caller, toFtxError(error), CANNOT_TELL);
      }
      if (!pairing?.code.isOpen) return refuse(caller, describeStranger(caller), NOT_KNOWN);
      let leave: () => void = () => undefined;
      const onPaired = () => (leave = held.add(caller));
      // Told when the session has told why.
      const onBurned = () => (leave = () => onEvent({ type: 'code', state: 'burned' }));
      return {
        pair: (channel) => pairStranger(channel, pairing, { ...options, caller, onPaired, onBurned }),
        leave: () => leave(),
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
      // Before anything else, so that no two that come at once share a try.
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
      right?.claim();
      await rememberSender(home, caller.peer, caller.address.host);
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

/** Those whose sessions run; who is forgotten meanwhile is dropped. */
function holdKnown(home: string) {
  const callers = new Set<Caller>();
  let timer: NodeJS.Timeout | undefined;

  async function check(): Promise<void> {
    // A list that cannot be read now is told of at the next connection, and revokes nobody.
    const known = await readKnownPeers(home).catch(() => undefined);
    if (!known) return;
    for (const { peer, drop } of callers) if (!known.senders.has(peer)) drop();
  }

  return {
    /** Returns what lets go of it. */
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
