/** Shares out the file descriptors that this process may have. */
import { readFileSync } from 'node:fs';
import { createSlots, type Slots } from '../../core/slots.js';

/** Descriptors of the process itself, with the port and the modules that it loads later. */
const OWN = 24;
/** Descriptors of one open entry: its file past the page cache and through it, its journal, and its folder. */
const PER_ENTRY = 4;
const SOCKET = 1;
const MIN_SENDERS = 4;
/** The most descriptors that are kept open for a moment, or without need. */
const MAX_FEW = 64;
const MAX_LINGERING = 24;
const MAX_NEWCOMERS = 8;
const MAX_TOGETHER = 2048;
const MIN_FOR_TOGETHER = 512;

export interface DescriptorBudget {
  /** Senders at the same time. Each of them can have one entry open at any time. */
  readonly maxSenders: number;
  /** Callers beyond these and a few newcomers at the same time: they are told, in their protocol, that there is no room. */
  readonly maxTurnedAway: number;
  /** Connections that linger after their last message. */
  readonly maxLingering: number;
  /** One for each open entry, beyond which offers wait. */
  readonly slots: Slots;
  /** How many entries a sender is told that it may have open, at most `most`: as many as it can get slots when it is alone. */
  countOffers(most: number): number;
}

/** The budget of one receiver. `maxConnections`: senders at the same time. `limit`: descriptors of the process. */
export function createDescriptorBudget(maxConnections: number, limit = readDescriptorLimit()): DescriptorBudget {
  const few = countSpareDescriptors(limit);
  const maxLingering = Math.min(MAX_LINGERING, few);
  // Twice `few`: for callers without a place, and for folders that are held without need.
  const spare = limit - OWN - 2 * few - maxLingering - countTogether(limit);
  const perSender = SOCKET + PER_ENTRY;
  const maxSenders = Math.min(maxConnections, Math.max(MIN_SENDERS, Math.floor(spare / (2 * perSender))));
  const entries = Math.max(0, Math.floor((spare - maxSenders * perSender) / PER_ENTRY));
  return {
    maxSenders,
    maxTurnedAway: few - countNewcomers(maxSenders),
    maxLingering,
    slots: createSlots(entries),
    countOffers: (most) => Math.min(most, 1 + Math.floor(entries / 2)),
  };
}

/** Callers beyond `maxSenders` that may introduce themselves while all places are taken. */
export function countNewcomers(maxSenders: number): number {
  return Math.min(MAX_NEWCOMERS, Math.ceil(maxSenders / 4));
}

/** The descriptors for each kind of thing that is kept open for a moment, or without need. */
export function countSpareDescriptors(limit = readDescriptorLimit()): number {
  return Math.min(MAX_FEW, Math.max(4, Math.floor(limit / 16)));
}

/** The descriptors for small files that are stored together, and for their folders; 0 where each is stored by itself. */
export function countTogether(limit = readDescriptorLimit()): number {
  return limit < MIN_FOR_TOGETHER ? 0 : Math.min(MAX_TOGETHER, Math.floor(limit / 8));
}

/** The number of descriptors that this process may have; Infinity where the system does not tell. */
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
