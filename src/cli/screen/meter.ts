/** How fast a session is, and how long it will take. */
import { createRateMeter } from './rate.js';

/** What an entry costs beside its content, as so many bytes: about what moves in the same time on a fast line. */
const ENTRY_BYTES = 32 * 1024;
/** A time left that is told after less time would be far off. */
const BASIS_MS = 2000;

export interface Meter {
  /** So many bytes have moved. */
  add(bytes: number, atMs: number): void;
  /** An entry has come to its end. */
  endEntry(atMs: number): void;
  /** Bytes per second at present; undefined until it is known. */
  perSecond(atMs: number): number | undefined;
  /** Seconds until so many entries and bytes more are done; undefined until there is a basis for it, and while all stands still. */
  secondsFor(entries: number, bytes: number, atMs: number): number | undefined;
}

export function createMeter(startMs: number): Meter {
  const bytes = createRateMeter(startMs);
  const work = createRateMeter(startMs);
  return {
    add(count, at) {
      bytes.add(count, at);
      work.add(count, at);
    },
    endEntry: (at) => work.add(ENTRY_BYTES, at),
    perSecond: (at) => bytes.perSecond(at),
    secondsFor(entriesLeft, bytesLeft, at) {
      const rate = at - startMs < BASIS_MS ? undefined : work.perSecond(at);
      return rate ? (Math.max(0, entriesLeft) * ENTRY_BYTES + bytesLeft) / rate : undefined;
    },
  };
}
