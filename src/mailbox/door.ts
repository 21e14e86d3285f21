/** What a door is: it serves one kind of caller. */
import type { Accepted } from '../net/accept.js';
import type { TcpConnection } from '../net/tcp.js';
import type { Timeouts } from '../protocol/constants.js';
import type { ReceiverSessionOptions } from '../session/receive/receiver.js';
import type { SessionResult } from '../session/tally.js';
import type { Guest } from './admission.js';
import type { MailboxOptions } from './options.js';

/** One connection that has been let in. */
export interface Visit {
  readonly connection: TcpConnection;
  readonly guest: Guest;
  /** Ends the visit, with the reason for the caller. */
  readonly stop: AbortController;
  /** performance.now() when the caller connected. */
  readonly since: number;
  /** Whether the caller has offered an entry. */
  hasOffered: boolean;
}

export interface Door {
  /**
   * Serves one caller to the end of its session. The result is undefined when
   * the door has refused the caller. `number` returns the number of the session. Never rejects.
   */
  serve(accepted: Accepted, visit: Visit, number: () => number): Promise<SessionResult | undefined>;
}

/** The session options that all doors share. */
export function describeSession(
  visit: Visit,
  session: number,
  timeouts: Timeouts,
  { onEvent }: MailboxOptions,
): Pick<ReceiverSessionOptions, 'session' | 'timeouts' | 'signal' | 'onEvent'> {
  // The caller's time for the greeting has been running since it connected.
  const greetingMs = Math.max(1, timeouts.greetingMs - (performance.now() - visit.since));
  return {
    session,
    timeouts: { ...timeouts, greetingMs },
    signal: visit.stop.signal,
    onEvent(event) {
      if (event.type === 'offered') noteOffer(visit);
      onEvent(event);
    },
  };
}

function noteOffer(visit: Visit): void {
  visit.hasOffered = true;
  visit.guest.settle();
}
