/** What several attempts at one send have achieved together. */
import type { TransferEvent } from '../core/events.js';

export interface Journey {
  note(event: TransferEvent): void;
  /** The entries that were stored, refused or failed up to now: another attempt leaves them out. */
  readonly ended: () => ReadonlySet<string>;
  /** Grows whenever the receiver has more for good than before. */
  readonly progress: () => number;
  readonly wasConnected: () => boolean;
}

export function createJourney(): Journey {
  const atEnd = new Set<string>();
  /** The offset in bytes from which each entry was resumed. */
  const resumed = new Map<string, number>();
  let steps = 0;
  let connected = false;

  function note(event: TransferEvent): void {
    if (event.type === 'connected') connected = true;
    if (event.type === 'resumed' && event.bytes > (resumed.get(event.path) ?? 0)) {
      resumed.set(event.path, event.bytes);
      steps += 1;
    }
    if (event.type !== 'stored' && event.type !== 'refused' && event.type !== 'failed') return;
    if (event.type === 'stored') steps += 1;
    if (event.path !== null) atEnd.add(event.path);
  }

  return { note, ended: () => new Set(atEnd), progress: () => steps, wasConnected: () => connected };
}
