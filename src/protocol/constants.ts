/** Numbers of PROTOCOL.md, with the section they come from. */
import { DEFAULT_TIMEOUT_MS } from '../core/defaults.js';
import { BLOCK_BYTES } from '../core/entry.js';

/** Section 2. */
export const GREETING = new TextEncoder().encode('ftx/1\n');

/** Section 5, hello: the sender takes `status` frames. */
export const STATUS_CAPABILITY = 'status';
/** Section 5, hello: the receiver does not know the sender and asks it for a code. */
export const PAIR_CAPABILITY = 'pair';
/** Section 5, hello: this side takes part in checks of a whole list. */
export const CHECK_CAPABILITY = 'check';
/** Section 5, check: those that wait for their verdicts. */
export const MAX_OPEN_CHECKS = 4;
/** Section 5, status. */
export const STATUS_INTERVAL_MS = 1_000;

/** Section 3. */
export const HEADER_BYTES = 16;
/** Offset and digest in front of a block; section 3. */
export const DATA_PREFIX_BYTES = 16;
export const MAX_CONTROL_BYTES = 64 * 1024;
export const MAX_DATA_BYTES = DATA_PREFIX_BYTES + BLOCK_BYTES;

/** Section 5, hello. */
export const MAX_AGENT_CHARS = 200;
export const MAX_CAPABILITIES = 64;
export const MAX_CAPABILITY_CHARS = 64;
/** Who asks for more signs of life than this allows asks for work, not for news. */
export const MIN_IDLE_MS = 1_000;
export const MAX_IDLE_MS = 24 * 60 * 60 * 1000;
/** Section 5, error. */
export const MAX_MESSAGE_CHARS = 1000;
/** Section 4: what a sender keeps open, however many a receiver would take. */
export const MAX_OPEN_OFFERS = 1024;
/** Section 5, pair. */
export const MAX_PAIR_CHARS = 1024;
/** Section 5, again. */
export const MAX_BLOCK_REQUESTS = 3;
/** Section 5, again: blocks asked for that wait to be sent. */
export const MAX_WAITING_REQUESTS = 16 * 1024;

/** Section 9: content that moves slower than this is not waited for. */
export const MIN_BYTES_PER_SECOND = 1024;

/** Section 9: a receiver that compares or stores a file more slowly than this is not waited for. */
export const MIN_STORED_BYTES_PER_SECOND = 1024 * 1024;

/** A timer for longer than this fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Section 9, in milliseconds. */
export interface Timeouts {
  /** From connection to the end of the greeting and hello. */
  readonly greetingMs: number;
  /** From hello to the end of pairing. */
  readonly pairMs: number;
  /** Nothing read or written by either side. */
  readonly idleMs: number;
  /** From hello, and from the end of the last open entry, to the next offer or goodbye. */
  readonly offerMs: number;
  /** From an offer to its answer while no data moves, and from the first byte of a frame to its content or end. */
  readonly controlMs: number;
  /** From the end of a file to its stored, beside the time for its size: the receiver's disk may be slow. */
  readonly storedMs: number;
  /** From goodbye to goodbye. */
  readonly goodbyeMs: number;
}

/** The defaults, with another limit for standing still. */
export function timeoutsFor(idleMs = DEFAULT_TIMEOUTS.idleMs): Timeouts {
  return { ...DEFAULT_TIMEOUTS, idleMs };
}

export const DEFAULT_TIMEOUTS: Timeouts = {
  greetingMs: 10_000,
  pairMs: 10_000,
  idleMs: DEFAULT_TIMEOUT_MS,
  offerMs: 300_000,
  controlMs: 60_000,
  storedMs: 600_000,
  goodbyeMs: 10_000,
};
