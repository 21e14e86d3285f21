/** Which callers get a place, and which give theirs up: pure bookkeeping, without a socket or a clock of its own. */
import type { Address } from '../core/address.js';
import { countNewcomers } from '../storage/disk/descriptors.js';
import { createSettled, type Settled } from './settled.js';
import { networkOf } from '../core/network.js';

/** A caller counts as a stranger until it settles. */
export interface Guest {
  readonly hasSettled: boolean;
  /** To be called when the caller has said its first word. Silent strangers are dropped before it. */
  readonly speak: () => void;
  /**
   * To be called when the caller has said what it came for. From now on it gives up its place only after it was quiet for
   * too long, or to a network that has fewer places. Drops the caller when there is no place for it.
   */
  settle(): void;
  /** To be called when the caller has brought something that was accepted, or is being served. */
  readonly stir: () => void;
  /** Releases the place. Safe to call more than once, and after the caller was dropped. */
  release(): void;
}

export interface Admission {
  /** Undefined when there is no place. `drop` is called when the place goes to another caller. */
  admit(address: Address, drop: () => void): Guest | undefined;
}

export interface AdmissionOptions {
  /** Beside so many settled guests, countNewcomers() strangers may introduce themselves. */
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

/**
 * A newcomer gets a place as long as there is a stranger to take it from. The
 * stranger comes from the network with the most strangers, so that a flood
 * displaces itself and nobody else. In this network, the oldest silent stranger
 * goes first, then the stranger that has spoken first. A stranger that has spoken makes
 * room for a newcomer of its own network only after PATIENCE_MS, and for a
 * newcomer of a network with more places than its own never. Before any of
 * them, while there are few strangers, a settled guest that has been quiet for
 * `quietMs` makes room.
 *
 * Networks share the places. When all are taken by settled guests, a newcomer of
 * a network that has fewer of them than another is let in beside them. Once it
 * has settled, the network with the most settled guests gives up the one that
 * has not stirred for longest. So no network keeps others out, however busy its
 * guests are, and callers that only stand there displace no guest that is busy.
 */
export function createAdmission(options: AdmissionOptions): Admission {
  const { now } = options;
  const strangers = createStrangers();
  const settled = createSettled(now);
  const room = createRoom(options, strangers, settled);

  function createGuest(stranger: Stranger): Guest {
    const { network, drop } = stranger;
    const guest: Settled = { since: 0, network, drop };
    return {
      get hasSettled() {
        return settled.has(guest);
      },
      speak: () => strangers.speak(stranger),
      settle() {
        if (!strangers.forget(stranger)) return;
        if (room.makeToSettle(network)) settled.add(guest);
        else drop();
      },
      stir: () => settled.stir(guest),
      release() {
        strangers.forget(stranger);
        settled.forget(guest);
      },
    };
  }

  return {
    admit({ host }, drop) {
      const network = networkOf(host);
      if (!room.makeToEnter(network)) return undefined;
      const stranger = { since: now(), network, hasSpoken: false, drop };
      strangers.add(stranger);
      return createGuest(stranger);
    },
  };
}

type Strangers = ReturnType<typeof createStrangers>;
type AllSettled = ReturnType<typeof createSettled>;

/** Makes room by dropping others. */
function createRoom(
  { maxGuests, maxStrangers, quietMs, now }: AdmissionOptions,
  strangers: Strangers,
  settled: AllSettled,
) {
  /**
   * While there are fewer strangers, settled guests make room for a newcomer. More must not make them: a flood of silent
   * callers would displace all guests.
   */
  const fewStrangers = countNewcomers(maxGuests);
  const hadItsTime = ({ since }: Stranger) => now() - since >= PATIENCE_MS;
  const countPlaces = (network: string) => strangers.countOf(network) + settled.countOf(network);

  /** Whether a stranger gives its place to a newcomer of `network`. */
  function givesWay(stranger: Stranger, network: string): boolean {
    if (countPlaces(network) > countPlaces(stranger.network)) return !stranger.hasSpoken && hadItsTime(stranger);
    return !stranger.hasSpoken || stranger.network !== network || hadItsTime(stranger);
  }

  return {
    /** False when there is no place for one more stranger of the network. */
    makeToEnter(network: string): boolean {
      let next = strangers.findNext();
      for (; next && strangers.count() >= maxStrangers && hadItsTime(next); next = strangers.findNext())
        strangers.dismiss(next);
      if (strangers.count() + settled.count() < maxGuests) return true;
      const areFew = strangers.count() < fewStrangers;
      if (areFew && (settled.dismissQuiet(quietMs) || settled.findExcess(network))) return true;
      if (!next || !givesWay(next, network)) return false;
      strangers.dismiss(next);
      return true;
    },
    /** False when there is no place for one more settled guest of the network. */
    makeToSettle(network: string): boolean {
      if (settled.count() < maxGuests || settled.dismissQuiet(quietMs)) return true;
      const guest = settled.findExcess(network);
      if (guest) settled.dismiss(guest);
      return guest !== undefined;
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
    countOf(network: string): number {
      const neighbours = networks.get(network);
      return neighbours ? sizeOf(neighbours) : 0;
    },
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
