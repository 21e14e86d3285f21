/** What several attempts at one send have achieved together. */
import type { TransferEvent } from '../core/events.js';
import { PathTable } from '../core/path-table.js';

export interface Journey {
  note(event: TransferEvent): void;
  /** Tells of a name whether its entry was stored or refused, or has failed, up to now: another attempt leaves it out. */
  readonly ended: () => (path: string) => boolean;
  /** Whether an entry of this name was stored or refused, or has failed, by now. */
  readonly hasEnded: (path: string) => boolean;
  /**
   * Grows by the bytes that the receiver has for good, and by one for each entry. Only what this send itself has sent
   * counts, because a receiver could call anything its own, and so keep the sender going.
   */
  readonly progress: () => number;
  readonly wasConnected: () => boolean;
}

export function createJourney(): Journey {
  /** When the entry of each name came to its end: after how many calls of ended(), and one more. */
  const atEnd = new PathTable();
  let now = 1;
  const credit = createCredit();
  let kept = 0;
  let connected = false;

  function note(event: TransferEvent): void {
    if (event.type === 'connected') connected = true;
    if (event.type === 'retrying') credit.beginAttempt();
    if (event.type === 'progress') credit.noteSent(event.path, event.bytes);
    if (event.type === 'resumed') kept += credit.takeGrowth(event.path, event.bytes);
    if (event.type !== 'stored' && event.type !== 'refused' && event.type !== 'failed') return;
    if (event.type === 'stored' && !event.already) kept += 1 + credit.takeGrowth(event.path, event.size);
    if (event.path === null) return;
    if (atEnd.get(event.path) === 0) atEnd.set(event.path, now);
    credit.forget(event.path);
  }

  return {
    note,
    ended() {
      const then = ++now;
      return (path) => {
        const ended = atEnd.get(path);
        return ended > 0 && ended < then;
      };
    },
    hasEnded: (path) => atEnd.get(path) > 0,
    progress: () => kept,
    wasConnected: () => connected,
  };
}

/** Compares what the receiver says it has with what was sent. */
function createCredit() {
  /** How many bytes of each entry the receiver has said that it has. */
  const claimed = new Map<string, number>();
  /** Up to which byte each entry was sent in this attempt. */
  const positions = new Map<string, number>();
  /** Bytes that were sent in this attempt, and in the last one that sent any, and that the receiver has not said to have. */
  let sent = 0;
  let sentBefore = 0;
  return {
    beginAttempt(): void {
      positions.clear();
      if (sent > 0) sentBefore = sent;
      sent = 0;
    },
    noteSent(path: string, bytes: number): void {
      const before = positions.get(path) ?? 0;
      if (bytes <= before) return;
      sent += bytes - before;
      positions.set(path, bytes);
    },
    /** The receiver says that it has so many bytes. Returns how many more than before they are; 0 if they were never sent. */
    takeGrowth(path: string, bytes: number): number {
      const growth = bytes - (claimed.get(path) ?? 0);
      claimed.set(path, Math.max(bytes, claimed.get(path) ?? 0));
      positions.set(path, Math.max(bytes, positions.get(path) ?? 0));
      if (growth <= 0 || growth > sent + sentBefore) return 0;
      const ofNow = Math.min(growth, sent);
      sent -= ofNow;
      sentBefore -= growth - ofNow;
      return growth;
    },
    forget(path: string): void {
      claimed.delete(path);
      positions.delete(path);
    },
  };
}
