/** Shares out the file descriptors that this process may have. */
import { readFileSync } from 'node:fs';

/** Descriptors of the process itself, with the port and the modules that it loads later. */
const OWN = 24;
/** Descriptors of one open entry: its file past the page cache and through it, its journal, and its folder. */
const PER_ENTRY = 4;
const SOCKET = 1;
const MIN_SENDERS = 4;
/** The most descriptors that are kept open for a moment, or without need. */
const MAX_FEW = 64;
const MAX_LINGERING = 24;

export interface DescriptorBudget {
  /** Senders at the same time: there is one entry for each of them at any time. */
  readonly maxSenders: number;
  /** Callers that are listened to only to be told in their language that there is no room. */
  readonly maxTurnedAway: number;
  /** Connections that are closed, but not over yet. */
  readonly maxLingering: number;
  /** Half of the entries that are left go to the next sender. */
  grantEntries(most: number): EntryGrant;
}

export interface EntryGrant {
  /** How many the sender may have open at once, at least one. */
  readonly entries: number;
  /** Call once. */
  readonly release: () => void;
}

/** The budget of one receiver. `maxConnections`: senders at the same time. `limit`: descriptors of the process. */
export function createDescriptorBudget(maxConnections: number, limit = readDescriptorLimit()): DescriptorBudget {
  const few = countSpareDescriptors(limit);
  const maxLingering = Math.min(MAX_LINGERING, few);
  // As many folders are held without need as callers are turned away.
  const spare = limit - OWN - 2 * few - maxLingering;
  const perSender = SOCKET + PER_ENTRY;
  const maxSenders = Math.min(maxConnections, Math.max(MIN_SENDERS, Math.floor(spare / (2 * perSender))));
  let left = Math.max(0, Math.floor((spare - maxSenders * perSender) / PER_ENTRY));
  return {
    maxSenders,
    maxTurnedAway: few,
    maxLingering,
    grantEntries(most) {
      const more = Math.min(most - 1, Math.floor(left / 2));
      left -= more;
      return { entries: 1 + more, release: () => void (left += more) };
    },
  };
}

export function countSpareDescriptors(limit = readDescriptorLimit()): number {
  return Math.min(MAX_FEW, Math.max(4, Math.floor(limit / 16)));
}

/** Infinity where the system does not tell. */
export function readDescriptorLimit(readLimits = readOwnLimits): number {
  return Number(/^Max open files +(\d+)/m.exec(readLimits())?.[1] ?? Infinity);
}

function readOwnLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
