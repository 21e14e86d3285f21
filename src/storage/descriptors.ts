import { readFileSync } from 'node:fs';

/** What the process itself has open, and what is held for others: folders, the port, last words. */
const RESERVED = 48;
/** Its socket, and a file on its way. */
const PER_SENDER = 2;
const MIN_SENDERS = 4;

/** How many senders this process has descriptors for; Infinity where the system does not tell. */
export function countSendersAffordable(readLimits = readOwnLimits): number {
  const limit = Number(/^Max open files +(\d+)/m.exec(readLimits())?.[1] ?? Infinity);
  return Math.max(MIN_SENDERS, Math.floor((limit - RESERVED) / PER_SENDER));
}

function readOwnLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
