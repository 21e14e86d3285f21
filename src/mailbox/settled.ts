/** The guests that have settled, and which of them gives up its place: bookkeeping of admission.ts. */

/** A guest that has said what it came for. */
export interface Settled {
  /** When the guest last stirred. */
  since: number;
  readonly network: string;
  readonly drop: () => void;
}

export function createSettled(now: () => number) {
  /** The guest that has not stirred for longest comes first. */
  const guests = new Set<Settled>();
  const counts = new Map<string, number>();
  const countOf = (network: string) => counts.get(network) ?? 0;

  /** False for one that is not among them. */
  function forget(guest: Settled): boolean {
    if (!guests.delete(guest)) return false;
    const left = countOf(guest.network) - 1;
    if (left > 0) counts.set(guest.network, left);
    else counts.delete(guest.network);
    return true;
  }

  function dismiss(guest: Settled): void {
    forget(guest);
    guest.drop();
  }

  return {
    count: () => guests.size,
    countOf,
    has: (guest: Settled) => guests.has(guest),
    forget,
    dismiss,
    add(guest: Settled): void {
      guest.since = now();
      guests.add(guest);
      counts.set(guest.network, countOf(guest.network) + 1);
    },
    /** Notes that the guest is of use now. Does nothing for one that is not among them. */
    stir(guest: Settled): void {
      if (!guests.delete(guest)) return;
      guest.since = now();
      guests.add(guest);
    },
    /** Drops the quietest guest if it has been quiet for `quietMs`. False if there is none. */
    dismissQuiet(quietMs: number): boolean {
      const [quietest] = guests;
      if (!quietest || now() - quietest.since < quietMs) return false;
      dismiss(quietest);
      return true;
    },
    /**
     * Of the networks with the most guests, the guest that has not stirred for longest. Undefined if `network` would then
     * have more guests than they.
     */
    findExcess(network: string): Settled | undefined {
      const most = Math.max(0, ...counts.values());
      if (most <= countOf(network) + 1) return undefined;
      for (const guest of guests) if (countOf(guest.network) === most) return guest;
      return undefined;
    },
  };
}
