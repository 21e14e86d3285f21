/** Which callers get a place, and which give theirs up: pure bookkeeping, without a socket or a clock of its own. */
import type { Address } from '../core/address.js';
import { networkOf } from '../core/network.js';

/** A caller counts as a stranger until it settles. */
export interface Guest {
  readonly hasSettled: boolean;
  /** To be called when the caller has said its first word. Silent strangers are dropped before it. */
  readonly speak: () => void;
  /** To be called when the caller has said what it came for. From now on it gives up its place only after it was quiet for too long. */
  settle(): void;
  /** To be called when the caller has brought something, or is being served. */
  stir(): void;
  /** Releases the place. Safe to call more than once, and after the caller was dropped. */
  release(): void;
}

export interface Admission {
  /** Undefined when there is no place. `drop` is called when the place goes to another caller. */
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

/** Milliseconds that every caller has to introduce itself. A crowd that comes at once is not taken for a flood, and does not displace itself. */
const PATIENCE_MS = 1_000;
const MIN_STRANGERS = 8;

/** How many strangers may be inside when `maxGuests` callers are served. */
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
  /** When the guest last stirred. */
  since: number;
  readonly drop: () => void;
}

/**
 * A newcomer gets a place as long as there is a stranger to take it from. The
 * stranger comes from the network with the most strangers, so that a flood
 * displaces itself and nobody else. In this network, the oldest silent stranger
 * goes first, then the stranger that has spoken first. A stranger that has spoken makes
 * room for a newcomer of its own network only after PATIENCE_MS. Before any of
 * them, while there are few strangers, a settled guest that has been quiet for
 * `quietMs` makes room.
 */
export function createAdmission({ maxGuests, maxStrangers, quietMs, now }: AdmissionOptions): Admission {
  const strangers = createStrangers();
  const settled = createSettled(now);
  /** Quiet guests make room only for this many strangers: a flood of silent callers must not displace all guests. */
  const fewStrangers = Math.min(MIN_STRANGERS, Math.ceil(maxGuests / 4));

  /** False when no room can be made. */
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
      get hasSettled() {
        return settled.has(guest);
      },
      speak: () => strangers.speak(stranger),
      settle() {
        if (strangers.forget(stranger)) settled.add(guest);
      },
      stir() {
        if (settled.forget(guest)) settled.add(guest);
      },
      release() {
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
  /** The guest that has been quiet for longest comes first. */
  const guests = new Set<Settled>();
  return {
    count: () => guests.size,
    has: (guest: Settled) => guests.has(guest),
    /** False for one that is not among them. */
    forget: (guest: Settled) => guests.delete(guest),
    add(guest: Settled): void {
      guest.since = now();
      guests.add(guest);
    },
    /** Drops the quietest guest if it has been quiet for `quietMs`. False if there is none. */
    dismissQuiet(quietMs: number): boolean {
      const quietest = guests.values().next().value;
      if (!quietest || now() - quietest.since < quietMs) return false;
      guests.delete(quietest);
      quietest.drop();
      return true;
    },
  };
}

/** The strangers of one network, the oldest first. */
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
    /** The stranger that gives way first. */
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
