/**
 * One listening port: which callers are let in, which door serves each, and how
 * the mailbox ends.
 *
 * A connection comes from net/listen. admission.ts finds a place for it, or a
 * caller that gives up its place; without one, turn-away.ts tells the caller
 * to try again. From then on the connection is a Visit. net/accept finds out
 * who calls from the first byte, through TLS if that is what it is, and the
 * visit goes to a door: ftx-door.ts asks the gate (gate.ts: known senders,
 * pairing) and runs a session of ftx/1; classic-door.ts takes one file. A caller
 * without a door hears so in its own protocol (turn-away.ts).
 *
 * Both doors get a Sink from the inbox, which decides what becomes of each
 * entry: storage/names/safe-path.ts refuses names, and storage/inbox/commit.ts
 * makes a file durable and puts it under its final name.
 *
 * The place is released when the visit is over. The mailbox adds up the results
 * of the sessions. close() stops listening, ends the visits in which nothing was
 * offered, lets the others finish for a while and then ends them too; when the
 * last is over, `closed` resolves.
 */
import { FtxError } from '../core/errors.js';
import type { Inbox } from '../core/inbox.js';
import type { Identity } from '../identity/identity.js';
import { acceptCaller, type Accepted } from '../net/accept.js';
import { listen, type Listener } from '../net/listen.js';
import type { TcpConnection } from '../net/tcp.js';
import { timeoutsFor, type Timeouts } from '../protocol/constants.js';
import { within } from '../protocol/watch.js';
import { secondsSince, type SessionResult } from '../session/tally.js';
import { createDescriptorBudget, type DescriptorBudget } from '../storage/disk/descriptors.js';
import { countStrangersAllowed, createAdmission, type Admission } from './admission.js';
import { createClassicDoor } from './classic-door.js';
import type { Door, Visit } from './door.js';
import { createFtxDoor } from './ftx-door.js';
import type { Gate } from './gate.js';
import type { MailboxOptions } from './options.js';
import { BUSY, createTurnAway, refuseProtocol, SHUTTING_DOWN, type TurnAway } from './turn-away.js';

/** Counts and bytes of all sessions together. */
export type ReceiveResult = SessionResult;

export interface MailboxParts {
  readonly options: MailboxOptions;
  readonly inbox: Inbox;
  /** Undefined: serves unencrypted senders only. Otherwise serves encrypted senders, and classic senders. */
  readonly own: Identity | undefined;
  /** Undefined: serves anyone. */
  readonly gate: Gate | undefined;
}

export class Mailbox {
  /** Resolves when the port is closed and every visit over. */
  readonly closed: Promise<ReceiveResult>;
  readonly #parts: MailboxParts;
  readonly #timeouts: Timeouts;
  readonly #budget: DescriptorBudget;
  readonly #admission: Admission;
  readonly #turnAway: TurnAway;
  readonly #doors: Doors;
  readonly #visits = new Set<Visit>();
  readonly #sum = createSum();
  #listener: Listener | undefined;
  #state: { readonly state: 'open' } | { readonly state: 'closing'; readonly grace: NodeJS.Timeout } = {
    state: 'open',
  };
  #resolveClosed!: (result: ReceiveResult) => void;

  constructor(parts: MailboxParts) {
    const { options, own } = parts;
    this.#parts = parts;
    this.#timeouts = timeoutsFor(options.timeoutMs);
    this.#budget = createDescriptorBudget(options.maxConnections);
    const { maxSenders: maxGuests, maxTurnedAway: maxWaiting } = this.#budget;
    const { greetingMs, idleMs: quietMs } = this.#timeouts;
    const maxStrangers = countStrangersAllowed(maxGuests);
    const now = () => performance.now();
    this.#admission = createAdmission({ maxGuests, maxStrangers, quietMs, now });
    this.#turnAway = createTurnAway({ isEncrypted: own !== undefined, maxWaiting, greetingMs });
    this.#doors = createDoors(parts, this.#timeouts, this.#budget);
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  /** Opens the port. Throws FtxError `port-in-use`, `cannot-listen` or `unknown-host`. Call once. */
  async listen(): Promise<Listener> {
    const { port, host } = this.#parts.options;
    const onConnection = (connection: TcpConnection) => this.#take(connection);
    this.#listener = await listen({ port, host, maxLingering: this.#budget.maxLingering, onConnection });
    return this.#listener;
  }

  /** Stops accepting, ends the visits of callers that have offered nothing, and after `graceMs` the others. */
  close(graceMs: number): void {
    this.#listener?.close();
    if (this.#state.state === 'closing') clearTimeout(this.#state.grace);
    const grace = setTimeout(() => this.#endVisits(() => true), graceMs);
    this.#state = { state: 'closing', grace };
    this.#endVisits(({ guest }) => !guest.hasSettled);
    this.#finishIfDone();
  }

  #endVisits(isMeant: (visit: Visit) => boolean): void {
    for (const visit of this.#visits) if (isMeant(visit)) visit.stop.abort(SHUTTING_DOWN);
  }

  #finishIfDone(): void {
    if (this.#state.state === 'open' || this.#visits.size > 0) return;
    clearTimeout(this.#state.grace);
    this.#turnAway.close(SHUTTING_DOWN);
    this.#resolveClosed(this.#sum.result());
  }

  /** Never throws. */
  #take(connection: TcpConnection): void {
    if (this.#state.state === 'closing') return this.#turnAway.refuse(connection, SHUTTING_DOWN);
    const stop = new AbortController();
    const guest = this.#admission.admit(connection.address, () => stop.abort(BUSY));
    if (!guest) return this.#turnAway.refuse(connection, BUSY);
    const visit = { connection, guest, stop, since: performance.now(), hasOffered: false };
    this.#visits.add(visit);
    void this.#serve(visit).then(() => {
      guest.release();
      this.#visits.delete(visit);
      this.#finishIfDone();
    });
  }

  async #serve(visit: Visit): Promise<void> {
    const accepted = await this.#accept(visit);
    if (!accepted) return;
    const { caller, connection, secured } = accepted;
    if (caller === 'ftx') return this.#serveAt(this.#doors.ftx, accepted, visit);
    // A classic caller inside TLS is refused: TLS carries ftx only.
    if (caller === 'classic' && !secured && this.#doors.classic)
      return this.#serveAt(this.#doors.classic, accepted, visit);
    refuseProtocol(connection, caller);
  }

  async #serveAt(door: Door, accepted: Accepted, visit: Visit): Promise<void> {
    const result = await door.serve(accepted, visit, this.#sum.nextSession);
    if (!result) return;
    this.#sum.add(result, visit.hasOffered);
    // A port scanner is not the one session that --once waits for.
    if (visit.hasOffered && this.#parts.options.once) this.close(this.#timeouts.idleMs);
  }

  /** Finds out who calls. Undefined when the caller says nothing in time, or cannot be understood. */
  async #accept({ connection, guest, stop: { signal } }: Visit): Promise<Accepted | undefined> {
    const abort = () => this.#turnAway.dismiss(connection, signal.reason as FtxError);
    signal.addEventListener('abort', abort);
    try {
      const accepting = acceptCaller(connection, this.#parts.own, guest.speak);
      const accepted = await within(this.#timeouts.greetingMs, connection, 'say who it is', accepting);
      if (!accepted) connection.destroy(new FtxError('lost', 'The caller said nothing.'));
      return accepted;
    } catch {
      return undefined;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }
}

interface Doors {
  readonly ftx: Door;
  /** Undefined where classic callers are not served. */
  readonly classic: Door | undefined;
}

function createDoors({ options, inbox, own, gate }: MailboxParts, timeouts: Timeouts, budget: DescriptorBudget): Doors {
  const isEncrypted = own !== undefined;
  return {
    ftx: createFtxDoor({ inbox, options, timeouts, budget, isEncrypted, gate }),
    // Nobody can tell who a classic sender is, so none gets past a gate.
    classic: options.classic && !gate ? createClassicDoor({ inbox, options, timeouts }) : undefined,
  };
}

/** Adds up the results of the sessions. */
function createSum() {
  const started = performance.now();
  const total = { stored: 0, sent: 0, refused: 0, failed: 0, bytes: 0 };
  let firstFailure: FtxError | undefined;
  let sessions = 0;
  return {
    /** The number of the next session, from 1. */
    nextSession: () => (sessions += 1),
    /** A caller that has offered nothing, such as a port scanner, has nothing to fail with. */
    add(result: SessionResult, hasOffered: boolean): void {
      for (const key of ['stored', 'sent', 'refused', 'failed', 'bytes'] as const) total[key] += result[key];
      if (hasOffered) firstFailure ??= result.firstFailure;
    },
    result: (): ReceiveResult => ({ ...total, seconds: secondsSince(started), ...(firstFailure && { firstFailure }) }),
  };
}
