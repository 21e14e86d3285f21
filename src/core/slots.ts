/** Shares out a bounded number of slots, such as sets of descriptors, among sessions that open entries. */

/** The slots of one session. */
export interface SessionSlots {
  /**
   * Takes a slot, which may take a while. Resolves with false, and without a slot, when the session has closed meanwhile.
   * A session that has no slot gets one at once.
   */
  take(): Promise<boolean>;
  /** Gives one slot back. */
  release(): void;
  /** Ends every wait. Slots that are held are still to be given back. */
  readonly close: () => void;
}

export interface Slots {
  /** Sessions of one network share what a network may have. */
  join(network: string): SessionSlots;
}

interface Network {
  readonly name: string;
  /** Slots of its sessions beyond the one that each of them always has. */
  extra: number;
  sessions: number;
}

interface Session {
  readonly network: Network;
  held: number;
  /** In the order of take(). */
  readonly waiting: ((hasSlot: boolean) => void)[];
}

/**
 * Each session always has one slot. Beyond that, there are `spare` slots for all of them. Neither a session nor a network
 * gets more than are then left, so that the next one finds some. Of those that wait, the network with the fewest slots is
 * next, and in it the session with the fewest.
 */
export function createSlots(spare: number): Slots {
  const shares = createShares(spare);
  const networks = new Map<string, Network>();
  return {
    join(name) {
      const network = networks.get(name) ?? { name, extra: 0, sessions: 0 };
      networks.set(name, network);
      network.sessions += 1;
      return joinAs({ network, held: 0, waiting: [] }, shares, () => {
        network.sessions -= 1;
        if (network.sessions === 0) networks.delete(name);
      });
    },
  };
}

function joinAs(session: Session, shares: ReturnType<typeof createShares>, leave: () => void): SessionSlots {
  let isClosed = false;
  return {
    take: () => (isClosed ? Promise.resolve(false) : shares.take(session)),
    release() {
      shares.release(session);
      if (isClosed && session.held === 0) leave();
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      shares.giveUp(session);
      if (session.held === 0) leave();
    },
  };
}

function createShares(spare: number) {
  let left = spare;
  const waiting = new Set<Session>();
  const extraOf = ({ held }: Session) => Math.max(0, held - 1);

  function canTake(session: Session): boolean {
    return session.held === 0 || (extraOf(session) < left && session.network.extra < left);
  }

  function change(session: Session, slots: 1 | -1): void {
    const before = extraOf(session);
    session.held += slots;
    const more = extraOf(session) - before;
    session.network.extra += more;
    left -= more;
  }

  function findNext(): Session | undefined {
    const able = [...waiting].filter(canTake);
    return able.sort((a, b) => a.network.extra - b.network.extra || a.held - b.held)[0];
  }

  function handOut(): void {
    for (let next = findNext(); next; next = findNext()) {
      change(next, 1);
      const go = next.waiting.shift();
      if (next.waiting.length === 0) waiting.delete(next);
      go?.(true);
    }
  }

  return {
    take(session: Session): Promise<boolean> {
      if (session.waiting.length === 0 && canTake(session)) {
        change(session, 1);
        return Promise.resolve(true);
      }
      waiting.add(session);
      return new Promise((resolve) => session.waiting.push(resolve));
    },
    release(session: Session): void {
      change(session, -1);
      handOut();
    },
    giveUp(session: Session): void {
      waiting.delete(session);
      for (const go of session.waiting.splice(0)) go(false);
    },
  };
}
