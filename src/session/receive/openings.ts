/** What has to be so before the sink opens an offered file: no other session of the same sender has it. */
import type { Bringer } from '../../core/inbox.js';
import type { Sink } from '../../core/sink.js';
import { PROOF_CAPABILITY } from '../../protocol/constants.js';
import type { Hello } from '../../protocol/messages.js';
import type { Offered } from './incoming-entry.js';
import { createTurnsOf } from './take-over.js';

export interface OpeningsOptions {
  readonly sink: Sink;
  readonly bringer: Bringer;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

interface Opening {
  readonly pin: string | undefined;
  /** Whether the entry has not come to its end meanwhile. */
  readonly isOpen: () => boolean;
  /** Has the entry give way to a newer session of its sender, if it can. */
  readonly giveWay: () => void;
}

/** The files of one session, from the offer to the answer of the sink. */
export interface Openings {
  /** Whether the sender can prove that it has the content of a file. */
  readonly canProve: boolean;
  /** Notes what the sender has said that it can do. */
  takeHello(hello: Hello): void;
  /** As Sink.open, once it is the turn of the entry. Undefined if the entry has come to its end before that. */
  open(offered: Offered, opening: Opening): Promise<Awaited<ReturnType<Sink['open']>> | undefined>;
  /** Notes that content of the entry has arrived. */
  noteMoved(id: number): void;
  /** To be called when nothing works at the entry any more. Safe to call more than once. */
  end(id: number): void;
}

export function createOpenings({ sink, bringer, signal }: OpeningsOptions): Openings {
  const turns = createTurnsOf(bringer, signal);
  let hello: Hello | undefined;
  const canProve = () => hello?.capabilities.includes(PROOF_CAPABILITY) ?? false;
  return {
    get canProve() {
      return canProve();
    },
    takeHello: (said) => void (hello = said),
    async open({ id, offer }, { pin, isOpen, giveWay }) {
      const transfer = hello?.transfer;
      await turns.take(id, offer, { transfer, giveWay });
      if (isOpen()) return sink.open(offer, { canProve: canProve(), pin, transfer }, signal);
      turns.end(id);
      return undefined;
    },
    noteMoved: (id) => turns.noteMoved(id),
    end: (id) => turns.end(id),
  };
}
