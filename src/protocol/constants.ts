/** The constants and limits of PROTOCOL.md, with the section each comes from. */
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
/** Section 5, hello: the sender can prove that it has the content of a file, and the receiver may ask for that. */
export const PROOF_CAPABILITY = 'proof';
/** Section 5, hello: the sender tells pins and its transfer, and takes `stored` as the answer to the offer of a file. */
export const PIN_CAPABILITY = 'pin';
/** Section 5, error: the sender offers a file again that another transfer of it goes on with, and waits for the answer. */
export const FOLLOW_CAPABILITY = 'follow';
/** Section 5, hello: the receiver takes runs of zeros. */
export const ZEROS_CAPABILITY = 'zeros';
/** Section 5, hello: the receiver takes packs of small files. */
export const PACKS_CAPABILITY = 'packs';
/** Section 5, ready: random bytes that a proof begins with. */
export const NONCE_BYTES = 32;
/** Section 5, check: a sender has at most this many `check` messages that wait for their verdicts. */
export const MAX_OPEN_CHECKS = 4;
/** Section 5, status: the time from one `status` to the next. */
export const STATUS_INTERVAL_MS = 1_000;

/** Section 3: bytes of a frame before its payload. */
export const HEADER_BYTES = 16;
/** Section 3: bytes of offset and digest in front of a block. */
export const DATA_PREFIX_BYTES = 16;
/** Section 3: bytes of offset and length of a run of zeros. */
export const ZEROS_BYTES = 12;
/** Section 5, zeros: bytes of a run, 1024 blocks. */
export const MAX_RUN_BYTES = 1024 * BLOCK_BYTES;
/** Section 3: bytes of payload of a pack, and of the count in front of its entries. */
export const MAX_PACK_BYTES = 1024 * 1024;
export const PACK_PREFIX_BYTES = 4;
/** Section 5, pack: files in one pack, bytes of one head, and bytes of the content of one file. */
export const MAX_PACK_ENTRIES = 4096;
export const MAX_PACK_HEAD_BYTES = 8 * 1024;
export const MAX_PACK_CONTENT_BYTES = 64 * 1024;
/** Section 5, pack: packs of one session that the receiver has not answered. */
export const MAX_OPEN_PACKS = 4;
/** Section 3: bytes of payload of any frame but `data` and `pack`. */
export const MAX_CONTROL_BYTES = 64 * 1024;
/** Section 3: bytes of payload of a `data` frame. */
export const MAX_DATA_BYTES = DATA_PREFIX_BYTES + BLOCK_BYTES;

/** Section 5, hello: lengths and counts of its fields. */
export const MAX_AGENT_CHARS = 200;
export const MAX_CAPABILITIES = 64;
export const MAX_CAPABILITY_CHARS = 64;
/** Section 5, hello: the range of `idle`. A lower limit would let a peer make us ping all the time. */
export const MIN_IDLE_MS = 1_000;
export const MAX_IDLE_MS = 24 * 60 * 60 * 1000;
/** Section 5, error: length of the sentence, in UTF-16 units. */
export const MAX_MESSAGE_CHARS = 1000;
/** Section 4: a sender has at most this many entries open, even if the receiver allows more. */
export const MAX_OPEN_OFFERS = 1024;
/** Section 5, pair: length of `data`. */
export const MAX_PAIR_CHARS = 1024;
/** Section 5, again: a receiver asks for the same block at most this many times. */
export const MAX_BLOCK_REQUESTS = 3;
/** Section 5, again: a sender ends the session when more blocks that were asked for wait to be sent. */
export const MAX_WAITING_REQUESTS = 16 * 1024;

/** Section 9: a side drops a peer whose content moves slower than this. */
export const MIN_BYTES_PER_SECOND = 1024;

/** Section 9: a sender drops a receiver that compares or stores a file more slowly than this. */
export const MIN_STORED_BYTES_PER_SECOND = 1024 * 1024;

/** The longest time a timer of JavaScript can wait; a longer one fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Section 9, in milliseconds. */
export interface Timeouts {
  /** From the connection to the end of greeting and hello. */
  readonly greetingMs: number;
  /** From hello to the end of pairing. */
  readonly pairMs: number;
  /** While a side waits, and nothing is read or written. */
  readonly idleMs: number;
  /** From the hello, or from the end of the last open entry, to the next offer or goodbye. */
  readonly offerMs: number;
  /** From an offer to its answer while no data moves, and from the first byte of a frame to its content or end. */
  readonly controlMs: number;
  /** From the end of a file to its `stored`, beside the time for its size: the disk of the receiver may be slow. */
  readonly storedMs: number;
  /** From the goodbye of the sender to that of the receiver. */
  readonly goodbyeMs: number;
}

/** The default timeouts, with another `idleMs`. */
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
