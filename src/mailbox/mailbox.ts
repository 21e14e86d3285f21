/** The connections of one listening port: who is let in, how each is served, and how they end. */
import type { Gate } from './gate.js';
import { DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_FILES, DEFAULT_MAX_SIZE } from '../core/defaults.js';
import { FtxError } from '../core/errors.js';
import type { Identity } from '../identity/identity.js';
import type { TransferEvent } from '../core/events.js';
import { acceptCaller, type Accepted } from '../net/accept.js';
import { countStrangersAllowed, createAdmission, type Admission, type Guest } from './admission.js';
import { noteArrivals } from './arrivals.js';
import { refusalFor, TLS_BUSY, BUSY, ENCRYPTED_ONLY, FORGOTTEN, SHUTTING_DOWN, turnAway } from './turn-away.js';
import type { Listener } from '../net/listen.js';
import { hostOf } from '../core/address.js';
import type { TcpConnection } from '../net/tcp.js';
import { timeoutsFor, type Timeouts } from '../protocol/constants.js';
import { within } from '../protocol/watch.js';
import type { ReceiveOptions } from './options.js';
import { createBlockPool, type BlockPool } from '../session/receive/block-pool.js';
import { nameClassicFile } from '../session/classic/name.js';
import { receiveClassic } from '../session/classic/receive.js';
import { receiveSession } from '../session/receive/receiver.js';
import { secondsSince, type SessionResult } from '../session/tally.js';
import { createDescriptorBudget, type DescriptorBudget } from '../storage/disk/descriptors.js';
import { createFileSink } from '../storage/inbox/file-sink.js';
import type { Quota } from '../storage/inbox/quota.js';
import type { Fold } from '../storage/names/same-names.js';
import { createSpace, type Space } from '../storage/inbox/space.js';

/** Entries of one session that may be open at once. */
const MAX_OPEN_OFFERS = 256;
/** Of one that has yet to give a code: strangers leave them to those who are known. */
const MAX_NEWCOMER_OFFERS = 2;
/** 32 MiB in flight between the sockets and the disk. */
const POOL_BLOCKS = 32;

/** What came of all sessions. */
export type ReceiveResult = SessionResult;

/** The folder that all sessions write to, as it was found at the start. */
export interface MailFolder {
  /** Absolute. */
  readonly dir: string;
  readonly quota: Quota | undefined;
  readonly fold: Fold | undefined;
}

/** One connection that has been let in. */
interface Visit {
  readonly connection: TcpConnection;
  readonly guest: Guest;
  /** Ends it, with the reason for the caller. */
  readonly stop: AbortController;
  /** performance.now() when it came. */
  readonly since: number;
  hasOffered: boolean;
}

export class Mailbox {
  /** Resolves when the port is closed and every session over. */
  readonly closed: Promise<ReceiveResult>;
  readonly #folder: MailFolder;
  readonly #options: ReceiveOptions;
  readonly #own: Identity | undefined;
  readonly #gate: Gate | undefined;
  readonly #timeouts: Timeouts;
  readonly #space: Space;
  readonly #pool: BlockPool = createBlockPool(POOL_BLOCKS);
  readonly #admission: Admission;
  readonly #budget: DescriptorBudget;
  readonly #visits = new Set<Visit>();
  readonly #started = performance.now();
  readonly #total = { stored: 0, sent: 0, refused: 0, failed: 0, bytes: 0 };
  #firstFailure: FtxError | undefined;
  readonly #turnedAway = new Set<TcpConnection>();
  #sessions = 0;
  #listener: Listener | undefined;
  #closing = false;
  #grace: NodeJS.Timeout | undefined;
  #resolveClosed!: (result: ReceiveResult) => void;

  /** Without an identity of its own it takes no encrypted senders, and others only then. Without a gate it is open. */
  constructor(folder: MailFolder, options: ReceiveOptions, own: Identity | undefined, gate: Gate | undefined) {
    this.#folder = folder;
    this.#space = createSpace(folder.dir);
    this.#options = options;
    this.#own = own;
    this.#gate = gate;
    this.#timeouts = timeoutsFor(options.timeoutMs);
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    this.#budget = createDescriptorBudget(options.maxConnections ?? DEFAULT_MAX_CONNECTIONS);
    const maxGuests = this.#budget.maxSenders;
    const maxStrangers = countStrangersAllowed(maxGuests);
    const quietMs = this.#timeouts.idleMs;
    this.#admission = createAdmission({ maxGuests, maxStrangers, quietMs, now: () => performance.now() });
  }

  /** Connections that it has descriptors for after they were closed. */
  get maxLingering(): number {
    return this.#budget.maxLingering;
  }

  attach(listener: Listener): void {
    this.#listener = listener;
  }

  /** Serves one caller; never throws. */
  take(connection: TcpConnection): void {
    if (this.#closing) return this.#turnAway(connection, SHUTTING_DOWN);
    const stop = new AbortController();
    const guest = this.#admission.admit(connection.peer, () => stop.abort(BUSY));
    if (!guest) return this.#turnAway(connection, BUSY);
    const visit = { connection, guest, stop, since: performance.now(), hasOffered: false };
    this.#visits.add(visit);
    void this.#serve(visit).then(() => {
      guest.leave();
      this.#visits.delete(visit);
      this.#finishIfDone();
    });
  }

  close(graceMs: number): void {
    this.#closing = true;
    this.#listener?.close();
    clearTimeout(this.#grace);
    this.#grace = setTimeout(() => this.#visits.forEach(({ stop }) => stop.abort(SHUTTING_DOWN)), graceMs);
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (!this.#closing || this.#visits.size > 0) return;
    clearTimeout(this.#grace);
    this.#gate?.close();
    for (const connection of this.#turnedAway) this.#dismiss(connection, SHUTTING_DOWN);
    const seconds = secondsSince(this.#started);
    this.#resolveClosed({ ...this.#total, seconds, ...(this.#firstFailure && { firstFailure: this.#firstFailure }) });
  }

  async #serve(visit: Visit): Promise<void> {
    const accepted = await this.#accept(visit);
    if (!accepted) return;
    const result = await this.#runSession(accepted, visit);
    if (!result) return;
    for (const key of ['stored', 'sent', 'refused', 'failed', 'bytes'] as const) this.#total[key] += result[key];
    // A port scanner is nobody to fail or close for.
    if (!visit.hasOffered) return;
    this.#firstFailure ??= result.firstFailure;
    if (this.#options.once) this.close(this.#timeouts.idleMs);
  }

  /** Undefined when the caller said nothing, or not in time, or cannot be understood. */
  async #accept({ connection, guest, stop: { signal } }: Visit): Promise<Accepted | undefined> {
    const abort = () => this.#dismiss(connection, signal.reason as FtxError);
    signal.addEventListener('abort', abort);
    try {
      const accepting = acceptCaller(connection, this.#own, guest.speak);
      const accepted = await within(this.#timeouts.greetingMs, connection, 'say who it is', accepting);
      if (!accepted) connection.destroy(new FtxError('lost', 'The caller said nothing.'));
      return accepted;
    } catch {
      return undefined;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Says it to somebody of whom nothing is known: most callers of a receiver with an identity speak TLS. */
  #dismiss(connection: TcpConnection, reason: FtxError): void {
    if (!this.#own || connection.isUpgraded) return turnAway(connection, reason);
    connection.write([TLS_BUSY]).catch(() => undefined);
    connection.destroy(reason);
  }

  /** Waits for the first byte where it may be that of TLS, to which the greeting of ftx is noise. */
  #turnAway(connection: TcpConnection, reason: FtxError): void {
    if (!this.#own || this.#turnedAway.size >= this.#budget.maxTurnedAway) return this.#dismiss(connection, reason);
    this.#turnedAway.add(connection);
    const detected = within(
      this.#timeouts.greetingMs,
      connection,
      'say who it is',
      acceptCaller(connection, undefined),
    );
    detected
      .then((accepted) => {
        if (accepted?.caller === 'tls') this.#dismiss(connection, reason);
        else turnAway(connection, reason);
      })
      .catch(() => undefined)
      .finally(() => this.#turnedAway.delete(connection));
  }

  /** Undefined for callers that are not served. */
  async #runSession(
    { caller, connection: accepted, secured }: Accepted,
    visit: Visit,
  ): Promise<SessionResult | undefined> {
    const connection = noteArrivals(accepted, () => visit.guest.stir());
    const {
      onEvent,
      classic = true,
      maxSize = DEFAULT_MAX_SIZE,
      maxFiles = DEFAULT_MAX_FILES,
      onConflict = 'rename',
      sync,
    } = this.#options;
    if (caller === 'ftx' && this.#own && !secured) {
      turnAway(connection, ENCRYPTED_ONLY);
      return undefined;
    }
    const isServed = caller === 'ftx' || (caller === 'classic' && classic && !secured && !this.#gate);
    if (!isServed) {
      connection.write([refusalFor(caller)]).catch(() => undefined);
      connection.destroy(new FtxError('protocol', `This port does not serve ${caller}.`));
      return undefined;
    }
    const session = (this.#sessions += 1);
    const drop = () => visit.stop.abort(FORGOTTEN);
    const pass = secured && (await this.#gate?.admit({ ...secured, address: connection.peer, session, drop }));
    if (pass instanceof FtxError) {
      turnAway(connection, pass);
      return undefined;
    }
    // The time to introduce oneself began with the connection.
    const greetingMs = Math.max(1, this.#timeouts.greetingMs - (performance.now() - visit.since));
    const common = {
      session,
      timeouts: { ...this.#timeouts, greetingMs },
      signal: visit.stop.signal,
      onEvent: (event: TransferEvent) => {
        if (event.type === 'offered') settle(visit);
        onEvent?.(event);
      },
      onList: () => visit.guest.settle(),
    };
    const folder = { ...this.#folder, maxSize, maxFiles, sync, space: this.#space };
    if (caller === 'ftx') {
      const sink = createFileSink({ ...folder, onConflict, peer: secured?.peer ?? hostOf(connection.peer) });
      const onWork = () => visit.guest.stir();
      const { entries: offers, release } = this.#budget.grantEntries(
        pass?.pair ? MAX_NEWCOMER_OFFERS : MAX_OPEN_OFFERS,
      );
      const session = {
        ...common,
        onWork,
        sink,
        pool: this.#pool,
        limits: { offers, size: maxSize },
        pair: pass?.pair,
      };
      return receiveSession(connection, session).finally(() => {
        release();
        pass?.leave();
      });
    }
    const sink = createFileSink({ ...folder, onConflict: 'rename' });
    return receiveClassic(connection, { ...common, sink, maxSize, name: nameClassicFile(new Date()) });
  }
}

function settle(visit: Visit): void {
  visit.hasOffered = true;
  visit.guest.settle();
}
