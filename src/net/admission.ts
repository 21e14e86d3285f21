/** Who is let in, and who makes room: pure bookkeeping, without a socket or a clock of its own. */

/** A caller counts as a stranger until it settles. */
export interface Guest {
  /** It has said what it came for: from now on no newcomer takes its place. */
  settle(): void;
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

/**
 * A newcomer finds a place as long as there is a stranger to take it from. It
 * is the network with the most strangers that gives one up, its oldest, so a
 * flood displaces itself and nobody else.
 */
export function createAdmission({ maxGuests, maxStrangers, now }: AdmissionOptions): Admission {
  /** By network, the oldest first. */
  const strangers = new Map<string, Set<Stranger>>();
  let strangerCount = 0;
  let settledCount = 0;

  function forget(stranger: Stranger): boolean {
    const neighbours = strangers.get(stranger.network);
    if (!neighbours?.delete(stranger)) return false;
    if (neighbours.size === 0) strangers.delete(stranger.network);
    strangerCount -= 1;
    return true;
  }

  function findWhoGivesWay(): Stranger | undefined {
    let largest: Set<Stranger> | undefined;
    for (const neighbours of strangers.values()) if (neighbours.size > (largest?.size ?? 0)) largest = neighbours;
    return largest?.values().next().value;
  }

  function dismiss(stranger: Stranger): void {
    forget(stranger);
    stranger.drop();
  }

  /** False when there is none to be made. */
  function makeRoom(): boolean {
    let next = findWhoGivesWay();
    for (; next && strangerCount >= maxStrangers && now() - next.since >= PATIENCE_MS; next = findWhoGivesWay()) dismiss(next);
    if (strangerCount + settledCount < maxGuests) return true;
    if (next) dismiss(next);
    return next !== undefined;
  }

  return {
    admit(peer, drop) {
      if (!makeRoom()) return undefined;
      const stranger: Stranger = { since: now(), network: networkOf(peer), drop };
      strangers.set(stranger.network, (strangers.get(stranger.network) ?? new Set()).add(stranger));
      strangerCount += 1;
      let isSettled = false;
      return {
        settle() {
          if (!forget(stranger)) return;
          settledCount += 1;
          isSettled = true;
        },
        leave() {
          if (isSettled) settledCount -= 1;
          else forget(stranger);
          isSettled = false;
        },
      };
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
