/** How much of each entry has moved in this process, which is what a rate counts. */
import type { TransferEvent } from '../../core/events.js';

export interface Moved {
  /** Notes the event. Returns how many bytes have moved of an entry that has arrived with it, and 0 for any other event. */
  note(event: TransferEvent): number;
}

/** Remembers entries under way only. */
export function createMoved(): Moved {
  const open = new Map<string, { readonly from: number; to: number }>();

  /** The first word about an entry tells where it begins: after a retry, what an earlier attempt has sent counts too. */
  function reach(key: string, from: number, to: number): number {
    const entry = open.get(key) ?? { from, to };
    entry.to = Math.max(entry.to, to);
    open.set(key, entry);
    return 0;
  }

  function end(key: string, size?: number): number {
    const { from, to } = open.get(key) ?? { from: 0, to: 0 };
    open.delete(key);
    return Math.max(0, (size ?? to) - from);
  }

  return {
    note(event) {
      if (!('path' in event) || event.path === null) return 0;
      const key = `${event.session} ${event.path}`;
      if (event.type === 'resumed') return reach(key, event.bytes, event.bytes);
      if (event.type === 'progress') return reach(key, 0, event.bytes);
      if (event.type === 'sent') return end(key, event.size);
      // Of a file that was there already, some may have come all the same, to be compared.
      if (event.type === 'stored') return end(key, event.already ? undefined : event.size);
      if (event.type === 'refused' || event.type === 'failed') end(key);
      return 0;
    },
  };
}
