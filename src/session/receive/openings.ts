/** What has to be so before the sink opens what is offered: no other session of the same sender has it, and a slot is free. */
import type { Entry } from '../../core/entry.js';
import type { Bringer } from '../../core/inbox.js';
import { FtxError } from '../../core/errors.js';
import type { Placed, Sink, Vouched } from '../../core/sink.js';
import type { SessionSlots } from '../../core/slots.js';
import { FOLLOW_CAPABILITY, PROOF_CAPABILITY } from '../../protocol/constants.js';
import type { Hello } from '../../protocol/messages.js';
import type { Offered } from './incoming-entry.js';
import type { Proofs } from './proof.js';
import { createTurnsOf } from './take-over.js';

/** No sink takes a longer path: PROTOCOL.md section 7. */
const MAX_PATH_CHARS = 4096;

export interface OpeningsOptions {
  readonly sink: Sink;
  readonly bringer: Bringer;
  readonly proofs: Proofs;
  readonly slots: SessionSlots;
  /** Called for each offer that is accepted. */
  readonly onUse: () => void;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

interface Opening {
  readonly pin: string | undefined;
  /** Whether the entry has not come to its end meanwhile. */
  readonly isOpen: () => boolean;
  /** Has the entry give way to a newer session of its sender, and returns whether it does. */
  readonly giveWay: () => boolean;
}

/** The files of one session, from the offer to the answer of the sink. */
export interface Openings {
  /** Whether the sender can prove that it has the content of a file. */
  readonly canProve: boolean;
  /** Whether the sender offers a file again that a newer session of it has taken over. */
  readonly canFollow: boolean;
  /** Notes what the sender has said that it can do. */
  takeHello(hello: Hello): void;
  /** What the sender can tell of a file with this pin. */
  vouch(pin: string | undefined): Vouched;
  /**
   * As Sink.open, once it is the turn of the entry. A sender that has proved wrongly too often gets no PresentFile: it
   * sends the content first. Undefined if the entry has come to its end before that.
   */
  open(offered: Offered, opening: Opening): Promise<Awaited<ReturnType<Sink['open']>> | undefined>;
  /** Whether the file, whose content is here, may be stored at once: no other session of its sender has it. Call end() then. */
  claim(id: number, offer: Entry): boolean;
  /** As Sink.place, once a slot is free. */
  place(offered: Offered): Promise<Placed>;
  /** Takes a slot for an entry that has none any more. Throws FtxError `lost` when the session has closed meanwhile. */
  takeSlot(id: number): Promise<void>;
  /** Notes that content of the entry is expected from now on, has arrived, or was read again. */
  noteMoved(id: number): void;
  /** To be called when nothing works at the entry any more. Safe to call more than once. */
  end(id: number): void;
}

export function createOpenings({ sink, bringer, proofs, slots, onUse, signal }: OpeningsOptions): Openings {
  const turns = createTurnsOf(bringer, signal);
  let hello: Hello | undefined;
  /** The ids of entries that have a slot. */
  const withSlot = new Set<number>();

  signal.addEventListener('abort', slots.close);

  async function takeSlot(id: number): Promise<void> {
    if (!(await slots.take())) throw new FtxError('lost', 'The session is over.');
    withSlot.add(id);
  }

  function end(id: number): void {
    turns.end(id);
    if (withSlot.delete(id)) slots.release();
  }

  const can = (capability: string) => hello?.capabilities.includes(capability) ?? false;
  const vouch = (pin: string | undefined): Vouched => ({
    canProve: can(PROOF_CAPABILITY),
    pin,
    transfer: hello?.transfer,
  });
  return {
    vouch,
    get canProve() {
      return can(PROOF_CAPABILITY);
    },
    get canFollow() {
      return can(FOLLOW_CAPABILITY);
    },
    takeHello: (said) => void (hello = said),
    async open({ id, offer }, { pin, isOpen, giveWay }) {
      await turns.take(id, offer, { transfer: hello?.transfer, giveWay });
      // A path of this length is refused before anything is opened, and is not kept waiting.
      if (isOpen() && offer.path.length <= MAX_PATH_CHARS) await takeSlot(id);
      if (!isOpen()) {
        end(id);
        return undefined;
      }
      const target = await sink.open(offer, vouch(pin), signal);
      onUse();
      return target.state === 'present' && !proofs.mayProve(target) ? target.receiveFirst() : target;
    },
    claim: (id, offer) => turns.tryTake(id, offer, hello?.transfer),
    async place({ id, offer }) {
      if (offer.path.length <= MAX_PATH_CHARS) await takeSlot(id);
      return sink.place(offer, signal);
    },
    takeSlot,
    noteMoved: (id) => turns.noteMoved(id),
    end,
  };
}
