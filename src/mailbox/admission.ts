/** Who is let in, and who makes room: pure bookkeeping, without a socket or a clock of its own. */
import type { Address } from '../core/address.js';

/** A caller counts as a stranger until it settles. */
export interface Guest {
  /** It has said its first word: it gets time for the rest. */
  readonly speak: () => void;
  /** It has said what it came for: from now on it makes room only for others, and only when it has been quiet for too long. */
  settle(): void;
  /** It has brought something, or is being served. */
  stir(): void;
  /** Safe to call more than once, and after it was dropped. */
  leave(): void;
}

export interface Admission {
  /** `drop` is called when the place goes to somebody else. Undefined when there is no place to be had. */
  admit(address: Address, drop: () => void): Guest | undefined;
}

export interface AdmissionOptions {
  readonly maxGuests: number;
  readonly maxStrangers: number;
  /** Milliseconds without a stir() after which a settled guest gives its place to a newcomer if there is no other. */
  readonly quietMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Time in which everybody gets to introduce themselves, so that a crowd that comes at once neither is taken for a flood nor displaces itself. */
const PATIENCE_MS = 1_000;
const MIN_STRANGERS = 8;

/** How many callers may stand around without a word when so many are served. */
export function countStrangersAllowed(maxGuests: number): number {
  return Math.max(MIN_STRANGERS, Math.floor(maxGuests / 4));
}

interface Stranger {
  readonly since: number;
  readonly network: string;
  hasSpoken: boolean;
  readonly drop: () => void;
}

interface Settled {
  /** When it has last stirred. */
  since: number;
  readonly drop: () => void;
}

/**
 * A newcomer finds a place as long as there is a stranger to take it from. It
 * is the network with the most strangers that gives one up, so a flood displaces
 * itself and nobody else: the oldest that is silent, or else the oldest. To one
 * of its own network it does so only when that one has had its time. Who only
 * keeps a place without using it gives it up to somebody who may.
 */
export function createAdmission({ maxGuests, maxStrangers, quietMs, now }: AdmissionOptions): Admission {
  const strangers = createStrangers();
  const settled = createSettled(now);
  /** For so many of them quiet guests make room: a flood of callers that say nothing must not displace them all. */
  const fewStrangers = Math.min(MIN_STRANGERS, Math.ceil(maxGuests / 4));

  /** False when there is none to be made. */
  function makeRoom(network: string): boolean {
    const hadItsTime = ({ since }: Stranger) => now() - since >= PATIENCE_MS;
    let next = strangers.findNext();
    for (; next && strangers.count() >= maxStrangers && hadItsTime(next); next = strangers.findNext())
      strangers.dismiss(next);
    if (strangers.count() + settled.count() < maxGuests) return true;
    if (strangers.count() < fewStrangers && settled.dismissQuiet(quietMs)) return true;
    if (!next || (next.hasSpoken && next.network === network && !hadItsTime(next))) return false;
    strangers.dismiss(next);
    return true;
  }

  function createGuest(stranger: Stranger): Guest {
    const guest: Settled = { since: 0, drop: stranger.drop };
    return {
      speak: () => strangers.speak(stranger),
      settle() {
        if (strangers.forget(stranger)) settled.add(guest);
      },
      stir() {
        if (settled.forget(guest)) settled.add(guest);
      },
      leave() {
        strangers.forget(stranger);
        settled.forget(guest);
      },
    };
  }

  return {
    admit({ host }, drop) {
      const network = networkOf(host);
      if (!makeRoom(network)) return undefined;
      const stranger = { since: now(), network, hasSpoken: false, drop };
      strangers.add(stranger);
      return createGuest(stranger);
    },
  };
}

function createSettled(now: () => number) {
  /** Who has been quiet for longest comes first. */
  const guests = new Set<Settled>();
  return {
    count: () => guests.size,
    /** False for one that is not among them. */
    forget: (guest: Settled) => guests.delete(guest),
    add(guest: Settled): void {
      guest.since = now();
      guests.add(guest);
    },
    /** Drops one that has been quiet for so long, if there is one. */
    dismissQuiet(quietMs: number): boolean {
      const quietest = guests.values().next().value;
      if (!quietest || now() - quietest.since < quietMs) return false;
      guests.delete(quietest);
      quietest.drop();
      return true;
    },
  };
}

/** Of one network, the oldest first. */
interface Neighbours {
  readonly silent: Set<Stranger>;
  readonly speaking: Set<Stranger>;
}

function createStrangers() {
  const networks = new Map<string, Neighbours>();
  let count = 0;

  /** False for one that is not among them. */
  function forget(stranger: Stranger): boolean {
    const neighbours = networks.get(stranger.network);
    if (!neighbours?.silent.delete(stranger) && !neighbours?.speaking.delete(stranger)) return false;
    if (sizeOf(neighbours) === 0) networks.delete(stranger.network);
    count -= 1;
    return true;
  }

  return {
    count: () => count,
    forget,
    add(stranger: Stranger): void {
      const neighbours = networks.get(stranger.network) ?? { silent: new Set(), speaking: new Set() };
      networks.set(stranger.network, neighbours);
      neighbours.silent.add(stranger);
      count += 1;
    },
    speak(stranger: Stranger): void {
      const neighbours = networks.get(stranger.network);
      if (!neighbours?.silent.delete(stranger)) return;
      stranger.hasSpoken = true;
      neighbours.speaking.add(stranger);
    },
    dismiss(stranger: Stranger): void {
      forget(stranger);
      stranger.drop();
    },
    /** Who gives way first. */
    findNext(): Stranger | undefined {
      let largest: Neighbours | undefined;
      for (const neighbours of networks.values())
        if (!largest || sizeOf(neighbours) > sizeOf(largest)) largest = neighbours;
      return largest?.silent.values().next().value ?? largest?.speaking.values().next().value;
    },
  };
}

function sizeOf({ silent, speaking }: Neighbours): number {
  return silent.size + speaking.size;
}

const IPV6_GROUPS = 8;
const NETWORK_GROUPS = 4;

/** The network of a host: the IPv4 address itself, or the /64 of an IPv6 address, because one machine can take any address in it. */
export function networkOf(host: string): string {
  if (!host.includes(':')) return host;
  const [address = ''] = host.split('%');
  const [head = [], tail = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from({ length: IPV6_GROUPS - head.length - tail.length }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, NETWORK_GROUPS).join(':')}::/64`;
}
