/** Counts what comes of the entries of a session while their events pass by. */
import { FtxError } from '../core/errors.js';
import type { EventListener, ReceiverShares, SenderShares, Shares, Summary, TransferEvent } from '../core/events.js';
import { findLimit } from './shares.js';

type WithoutSession<T> = T extends { session: number } ? Omit<T, 'session'> : never;
/** An event as a session tells it; the tally knows which session it is. */
export type SessionEvent = WithoutSession<TransferEvent>;

export interface SessionResult extends Summary {
  /** The first entry's refusal or failure, if there was one. */
  readonly firstFailure?: FtxError;
}

export interface Tally {
  emit(event: SessionEvent): void;
  /** What went before was no part of the work. */
  restart(): void;
  /** What the time of the session went into, as far as this side knows. */
  setShares(sender: SenderShares | null, receiver: ReceiverShares | null): void;
  result(): SessionResult;
}

export function createTally(session: number, onEvent: EventListener | undefined): Tally {
  let started = performance.now();
  const counts = { stored: 0, sent: 0, refused: 0, failed: 0, bytes: 0 };
  let firstFailure: FtxError | undefined;
  let shares: Shares | undefined;

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
    emit(event) {
      count(event);
      onEvent?.({ ...event, session });
    },
    restart: () => void (started = performance.now()),
    setShares: (sender, receiver) => (shares = { limitedBy: findLimit(sender, receiver), sender, receiver }),
    result: () => ({
      ...counts,
      seconds: secondsSince(started),
      ...(shares && { shares }),
      ...(firstFailure && { firstFailure }),
    }),
  };
}

/** Tells that the session is done, and what came of it. */
export function finishTally(tally: Tally): SessionResult {
  const { firstFailure, ...summary } = tally.result();
  tally.emit({ type: 'done', ...summary });
  return { ...summary, ...(firstFailure && { firstFailure }) };
}

/** Seconds since a reading of performance.now(). */
export function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}
