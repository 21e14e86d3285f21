/** Counts the entries of a session from its events, which it passes on to the listener. */
import { FtxError } from '../core/errors.js';
import type { EventListener, Shares, Summary, TransferEvent } from '../core/events.js';

type WithoutSession<T> = T extends { session: number } ? Omit<T, 'session'> : never;
/** An event without the number of its session, which the tally adds. */
export type SessionEvent = WithoutSession<TransferEvent>;

export interface SessionResult extends Summary {
  /** The first refusal or failure, or why the session has ended early. */
  readonly firstFailure?: FtxError;
}

export interface Tally {
  /** Counts the event and passes it on. */
  emit(event: SessionEvent): void;
  /** Lets the time of the session begin now. */
  restart(): void;
  /** Notes why the session has ended early although nothing has failed on this side. */
  noteEnd(reason: FtxError): void;
  /** Notes what the time of the session went into. */
  setShares(shares: Shares): void;
  /** Whether any event has told of the session. */
  readonly hasEmitted: boolean;
  /** The counts so far. */
  result(): SessionResult;
}

/** `session` numbers the session in its events. */
export function createTally(session: number, onEvent: EventListener | undefined): Tally {
  let started = performance.now();
  const counts = { stored: 0, sent: 0, refused: 0, failed: 0, bytes: 0 };
  let firstFailure: FtxError | undefined;
  let shares: Shares | undefined;
  let hasEmitted = false;

  function count(event: SessionEvent): void {
    if (event.type === 'stored' || event.type === 'sent') {
      counts[event.type] += 1;
      counts.bytes += event.size;
    } else if (event.type === 'refused' || event.type === 'failed') {
      counts[event.type] += 1;
      firstFailure ??= new FtxError(event.code, event.message);
    }
  }

  return {
    /** Counts the event and passes it on. */
    emit(event) {
      hasEmitted = true;
      count(event);
      onEvent?.({ ...event, session });
    },
    noteEnd: (reason) => void (firstFailure ??= reason),
    restart: () => void (started = performance.now()),
    setShares: (given) => void (shares = given),
    get hasEmitted() {
      return hasEmitted;
    },
    result: () => ({
      ...counts,
      seconds: secondsSince(started),
      ...(shares && { shares }),
      ...(firstFailure && { firstFailure }),
    }),
  };
}

/** Emits `done` with the counts, unless no event has told of the session, and returns them. */
export function finishTally(tally: Tally): SessionResult {
  const { firstFailure, ...summary } = tally.result();
  if (tally.hasEmitted) tally.emit({ type: 'done', ...summary });
  return { ...summary, ...(firstFailure && { firstFailure }) };
}

/** Seconds since a reading of performance.now(). */
export function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}
