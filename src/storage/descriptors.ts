import { readFileSync } from 'node:fs';

/** What the process itself has open, and what is held for others: folders, the port, last words. */
const RESERVED = 48;
/** Its socket, and a file on its way. */
const PER_SENDER = 2;
/** A file on its way, past the page cache and through it, and its folder. */
const PER_OFFER = 4;
const MIN_SENDERS = 4;
const MIN_OFFERS = 4;

/** How many files this process may have open; Infinity where the system does not tell. */
export function readDescriptorLimit(readLimits = readOwnLimits): number {
  return Number(/^Max open files +(\d+)/m.exec(readLimits())?.[1] ?? Infinity);
}

/** How many senders this process has descriptors for. */
export function countSendersAffordable(limit = readDescriptorLimit()): number {
  return Math.max(MIN_SENDERS, Math.floor((limit - RESERVED) / PER_SENDER));
}

/** How many entries of one sender it has descriptors for. */
export function countOffersAffordable(limit = readDescriptorLimit()): number {
  return Math.max(MIN_OFFERS, Math.floor((limit - RESERVED) / PER_OFFER));
}

function readOwnLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
