/** Who is let in, and who makes room: pure bookkeeping, without a socket or a clock of its own. */

/** A caller counts as a stranger until it settles. */
export interface Guest {
  /** It has said what it came for: from now on it makes room only for others, and only when it has been quiet for too long. */
  settle(): void;
  /** It has brought something, or is being served. */
  stir(): void;
  /** Safe to call more than once, and after it was dropped. */
  leave(): void;
}

export interface Admission {
  /** `drop` is called when the place goes to somebody else. Undefined when there is no place to be had. */
  admit(peer: string, drop: () => void): Guest | undefined;
}

export interface AdmissionOptions {
  readonly maxGuests: number;
  readonly maxStrangers: number;
  /** Milliseconds without a stir() after which a settled guest gives its place to a newcomer if there is no other. */
  readonly quietMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Time in which everybody gets to introduce themselves, so that a crowd that comes at once is not taken for a flood. */
const PATIENCE_MS = 1_000;
const MIN_STRANGERS = 8;

/** How many callers may stand around without a word when so many are served. */
export function countStrangersAllowed(maxGuests: number): number {
  return Math.max(MIN_STRANGERS, Math.floor(maxGuests / 4));
}

interface Stranger {
  readonly since: number;
  readonly network: string;
  readonly drop: () => void;
}

interface Settled {
  /** When it has last stirred. */
  since: number;
  readonly drop: () => void;
}

/**
 * A newcomer finds a place as long as there is a stranger to take it from. It
 * is the network with the most strangers that gives one up, its oldest, so a
 * flood displaces itself and nobody else. Who only keeps a place without using
 * it gives it up to somebody who may.
 */
export function createAdmission({ maxGuests, maxStrangers, quietMs, now }: AdmissionOptions): Admission {
  const strangers = createStrangers();
  /** Who has been quiet for longest comes first. */
  const settled = new Set<Settled>();
  /** For so many of them quiet guests make room: a flood of callers that say nothing must not displace them all. */
  const fewStrangers = Math.min(MIN_STRANGERS, Math.ceil(maxGuests / 4));

  function dismissQuiet(): boolean {
    const quietest = settled.values().next().value;
    if (!quietest || now() - quietest.since < quietMs) return false;
    settled.delete(quietest);
    quietest.drop();
    return true;
  }

  /** False when there is none to be made. */
  function makeRoom(): boolean {
    let next = strangers.findNext();
    for (; next && strangers.count() >= maxStrangers && now() - next.since >= PATIENCE_MS; next = strangers.findNext()) strangers.dismiss(next);
    if (strangers.count() + settled.size < maxGuests) return true;
    if (strangers.count() < fewStrangers && dismissQuiet()) return true;
    if (next) strangers.dismiss(next);
    return next !== undefined;
  }

  function createGuest(stranger: Stranger): Guest {
    const guest: Settled = { since: 0, drop: stranger.drop };

    function stir(): void {
      // Not for one that was dropped or has left.
      if (!settled.delete(guest)) return;
      guest.since = now();
      settled.add(guest);
    }

    return {
      stir,
      settle() {
        if (!strangers.forget(stranger)) return;
        settled.add(guest);
        stir();
      },
      leave() {
        strangers.forget(stranger);
        settled.delete(guest);
      },
    };
  }

  return {
    admit(peer, drop) {
      if (!makeRoom()) return undefined;
      const stranger = { since: now(), network: networkOf(peer), drop };
      strangers.add(stranger);
      return createGuest(stranger);
    },
  };
}

function createStrangers() {
  /** By network, the oldest first. */
  const networks = new Map<string, Set<Stranger>>();
  let count = 0;

  /** False for one that is not among them. */
  function forget(stranger: Stranger): boolean {
    const neighbours = networks.get(stranger.network);
    if (!neighbours?.delete(stranger)) return false;
    if (neighbours.size === 0) networks.delete(stranger.network);
    count -= 1;
    return true;
  }

  return {
    count: () => count,
    forget,
    add(stranger: Stranger): void {
      networks.set(stranger.network, (networks.get(stranger.network) ?? new Set()).add(stranger));
      count += 1;
    },
    dismiss(stranger: Stranger): void {
      forget(stranger);
      stranger.drop();
    },
    /** Who gives way first. */
    findNext(): Stranger | undefined {
      let largest: Set<Stranger> | undefined;
      for (const neighbours of networks.values()) if (neighbours.size > (largest?.size ?? 0)) largest = neighbours;
      return largest?.values().next().value;
    },
  };
}

const IPV6 = /^\[([^\]%]*)/;
const IPV6_GROUPS = 8;
const NETWORK_GROUPS = 4;

/** Of a Connection's `peer`: the IPv4 address, or the /64 of an IPv6 one, any address of which one machine can take. */
export function networkOf(peer: string): string {
  const address = IPV6.exec(peer)?.[1];
  if (address === undefined) return peer.replace(/:\d+$/, '');
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from({ length: IPV6_GROUPS - head.length - tail.length }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS).join(':')}::/64`;
}
