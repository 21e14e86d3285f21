/** Who the sessions of a receiver are with, kept from their events. */
import { hostOf } from '../../core/address.js';
import type { TransferEvent } from '../../core/events.js';
import { networkOf } from '../../core/network.js';

export interface Caller {
  readonly host: string;
  /** The network of a sender that the receiver does not know; undefined for one that it knows. */
  readonly network: string | undefined;
}

export interface Callers {
  /** Notes the event. Returns the caller that it is about; undefined for an event that is about none. */
  note(event: TransferEvent): Caller | undefined;
}

/** Who has not got in has no `done`. So many of them are remembered. */
const MAX_FAILED = 1_000;

export function createCallers(): Callers {
  const callers = new Map<number, Caller>();
  /** The oldest first. */
  const failed = new Map<number, Caller>();
  return {
    note(event) {
      if (!('session' in event)) return undefined;
      const { session } = event;
      const caller = callers.get(session) ?? failed.get(session) ?? findCaller(event);
      if (caller && event.type === 'connected') callers.set(session, caller);
      else if (caller && event.type === 'failed' && !callers.has(session)) failed.set(session, caller);
      else if (event.type === 'done') [callers, failed].forEach((of) => of.delete(session));
      if (failed.size > MAX_FAILED) failed.delete(failed.keys().next().value ?? 0);
      return caller;
    },
  };
}

function findCaller(event: TransferEvent): Caller | undefined {
  // Who is not let in fails without being connected.
  if (!(event.type === 'connected' || event.type === 'failed') || event.peer === undefined) return undefined;
  const host = hostOf(event.peer);
  return { host, network: event.type === 'connected' && event.known ? undefined : networkOf(host) };
}
