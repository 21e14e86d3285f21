/** Whether what the sender says arrives, by what the receiver says that it has read: PROTOCOL.md section 9. */
import { formatAddress } from '../../core/address.js';
import { FtxError } from '../../core/errors.js';
import type { Channel } from '../../protocol/channel.js';
import { STATUS_INTERVAL_MS } from '../../protocol/constants.js';
import type { StatusMessage } from '../../protocol/messages.js';

/** A receiver that spends less of its time than this waiting for the network, in percent, is not to be waited for. */
const MOSTLY = 50;

export interface Arrival {
  /** Takes a report of the receiver. Destroys the channel with FtxError `timeout` when nothing arrives for too long. */
  note(status: StatusMessage): void;
}

/**
 * The way to the receiver can be dead while the way back is not: then the reports of the receiver come, and say that it
 * has read no more. An older receiver does not say how much, and is not judged.
 */
export function createArrival(channel: Pick<Channel, 'address' | 'traffic' | 'destroy'>, idleMs: number): Arrival {
  let arrived = 0;
  /** What had been sent at the last report: later bytes may still be on their way. */
  let due = 0;
  let reported = -Infinity;
  let stillMs = 0;

  return {
    note({ received, shares }) {
      if (received === undefined) return;
      const now = performance.now();
      const hasMoved = received > arrived || received >= due || shares.network < MOSTLY;
      // The time of a pause without reports does not count: this process itself may have been asleep.
      stillMs = hasMoved ? 0 : stillMs + Math.min(now - reported, 2 * STATUS_INTERVAL_MS);
      [arrived, due, reported] = [received, channel.traffic.sent, now];
      if (stillMs >= idleMs) channel.destroy(stuckError(formatAddress(channel.address), idleMs));
    },
  };
}

function stuckError(peer: string, idleMs: number): FtxError {
  const what = `${peer} answers, but has got nothing of what was sent for ${Math.round(idleMs / 100) / 10} s.`;
  return new FtxError(
    'timeout',
    `${what} If only small files get through, the way there drops large packets (MTU, VPN).`,
  );
}
