/**
 * Which events of strangers `ftx receive --json` writes. A new file is an event that costs its sender a file; a refusal,
 * a failure, or what is there already costs a few bytes on the line. Each session, and each entry that comes to nothing
 * new, takes one of the budget of its network. Without any left, its events are left out.
 */
import type { EventListener, TransferEvent } from '../../core/events.js';
import type { Budgets } from './budgets.js';
import type { Caller } from './callers.js';

export interface StrangerEvents {
  /** Passes the event on, unless it is left out. `caller`: whom it is about. */
  onEvent(event: TransferEvent, caller: Caller | undefined): void;
}

export function createStrangerEvents(pass: EventListener, budgets: Budgets): StrangerEvents {
  const sessions = new Map<number, SessionEvents>();
  return {
    onEvent(event, caller) {
      if (!('session' in event) || caller?.network === undefined) return pass(event);
      // The end of a session that has failed before it was one: the failure is what counts.
      if (event.type === 'done' && !sessions.has(event.session)) {
        if (budgets.take(caller.network)) pass(event);
        return;
      }
      const session = sessions.get(event.session) ?? new SessionEvents(caller.network, pass, budgets);
      session.take(event);
      // A session that was not let in has one event, which is no `connected`.
      if (event.type === 'connected') sessions.set(event.session, session);
      else if (event.type === 'done' || !sessions.has(event.session)) {
        session.end();
        sessions.delete(event.session);
      }
    },
  };
}

/** Entries of one path on their way that nothing was taken for. */
interface Unpaid {
  readonly offered: TransferEvent;
  count: number;
}

/** The events of one session of a stranger. */
class SessionEvents {
  readonly #network: string;
  readonly #pass: EventListener;
  readonly #budgets: Budgets;
  /** Whether the events of the session as a whole are passed on. */
  #isTold: boolean;
  /** What is passed on first once the session brings something after all. */
  #connected: TransferEvent | undefined;
  /** By path. */
  readonly #unpaid = new Map<string, Unpaid>();

  constructor(network: string, pass: EventListener, budgets: Budgets) {
    this.#network = network;
    this.#pass = pass;
    this.#budgets = budgets;
    this.#isTold = budgets.take(network);
  }

  take(event: TransferEvent): void {
    if (event.type === 'offered') this.#offer(event);
    else if (isOutcome(event)) this.#endEntry(event);
    else if ('path' in event && event.path !== null) {
      if (!this.#unpaid.has(event.path)) this.#pass(event);
    } else if (this.#isTold) this.#pass(event);
    else if (event.type === 'connected') this.#connected = event;
  }

  end(): void {
    if (!this.#isTold) this.#budgets.leaveOut(this.#network);
  }

  #offer(offered: TransferEvent & { readonly path: string }): void {
    if (this.#budgets.take(this.#network)) {
      this.#tell();
      this.#pass(offered);
      return;
    }
    const { count } = this.#unpaid.get(offered.path) ?? { count: 0 };
    this.#unpaid.set(offered.path, { offered, count: count + 1 });
  }

  #endEntry(outcome: Outcome): void {
    const isNew = outcome.type === 'stored' && !outcome.already;
    const unpaid = this.#unpaid.get(outcome.path);
    if (unpaid) {
      unpaid.count -= 1;
      if (unpaid.count === 0) this.#unpaid.delete(outcome.path);
      if (!isNew) return this.#budgets.leaveOut(this.#network);
      this.#tell();
      this.#pass(unpaid.offered);
    } else if (isNew) this.#budgets.giveBack(this.#network);
    this.#pass(outcome);
  }

  #tell(): void {
    this.#isTold = true;
    if (this.#connected) this.#pass(this.#connected);
    this.#connected = undefined;
  }
}

type Outcome = Extract<TransferEvent, { type: 'stored' | 'refused' | 'failed' }> & { readonly path: string };

function isOutcome(event: TransferEvent): event is Outcome {
  return event.type === 'stored' || event.type === 'refused' || (event.type === 'failed' && event.path !== null);
}
