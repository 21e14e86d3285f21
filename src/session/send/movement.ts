/** Whether a session moves, and how long its receiver may owe an answer: PROTOCOL.md section 9. */
import { formatAddress } from '../../core/address.js';
import { FtxError } from '../../core/errors.js';
import type { Channel } from '../../protocol/channel.js';
import type { Timeouts } from '../../protocol/constants.js';
import type { SessionShares } from '../shares.js';
import type { Tally } from '../tally.js';
import { findOverdue, type OpenEntry } from './outgoing-entry.js';

/** Milliseconds without content that moves after which the sender only waits. */
const STILL_MS = 500;

export interface MovementOptions {
  readonly channel: Pick<Channel, 'address'>;
  readonly tally: Tally;
  readonly timeouts: Timeouts;
  readonly shares: SessionShares;
}

export class Movement {
  readonly #options: MovementOptions;
  /** performance.now() when content last moved. */
  #moved = 0;
  /** performance.now() when the receiver last told what it is doing. */
  #alive = -Infinity;

  constructor(options: MovementOptions) {
    this.#options = options;
  }

  /** Notes that content up to byte `bytes` of the entry was sent. */
  noteProgress({ source }: OpenEntry, bytes: number): void {
    const { tally, shares } = this.#options;
    this.#moved = performance.now();
    const { path, size } = source.entry;
    const limit = shares.limitedBy && { limitedBy: shares.limitedBy };
    tally.emit({ type: 'progress', path, bytes, size, total: null, ...limit });
  }

  /** Notes that content which the receiver has was read to be compared: `bytes` of `of` so far. */
  noteCompared({ source }: OpenEntry, bytes: number, of: number): void {
    this.#moved = performance.now();
    const { path, size } = source.entry;
    this.#options.tally.emit({ type: 'comparing', path, bytes, of, size });
  }

  /** Notes that the receiver has told what it is doing. Tells which of the open entries is only waited for, if nothing moves. */
  noteStatus(open: Iterable<OpenEntry>): void {
    const { tally, shares } = this.#options;
    this.#alive = performance.now();
    const limit = shares.limitedBy;
    const from = this.#alive - STILL_MS;
    if (!limit || limit.startsWith('sender') || this.#moved > from) return;
    for (const { awaited, source } of open)
      if (awaited?.what === 'stored' && awaited.since <= from)
        return tally.emit({ type: 'waiting', path: source.entry.path, for: limit });
  }

  /** Throws FtxError `timeout` when the receiver has owed an answer to one of the entries for too long while nothing moved. */
  assertInTime(owed: Iterable<OpenEntry>): void {
    const { channel, timeouts } = this.#options;
    for (const entry of owed) {
      const what = findOverdue(entry, timeouts, { moved: this.#moved, alive: this.#alive });
      if (what)
        throw new FtxError(
          'timeout',
          `${formatAddress(channel.address)} did not send ${what} for ${entry.source.entry.path}. Try again.`,
        );
    }
  }
}
