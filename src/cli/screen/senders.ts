/** How many senders have come, counted from events. */
import { hostOf } from '../../core/address.js';
import type { TransferEvent } from '../../core/events.js';
import { formatCount } from './format.js';

/** Strangers may come with any number of identities and addresses. */
const MAX_COUNTED = 10_000;

export interface Senders {
  /** Counts the sender. One that comes again, with the same identity or without one from the same host, is counted once. */
  add(event: Extract<TransferEvent, { type: 'connected' }>): void;
  readonly count: number;
  /** `1 sender`, `more than 10000 senders`. */
  describe(): string;
}

export function createSenders(): Senders {
  const known = new Set<string>();
  let isFull = false;
  return {
    add({ identity, peer }) {
      const name = identity ?? hostOf(peer);
      if (known.size < MAX_COUNTED) known.add(name);
      else isFull ||= !known.has(name);
    },
    get count() {
      return known.size;
    },
    describe: () => `${isFull ? 'more than ' : ''}${formatCount(known.size, 'sender')}`,
  };
}
