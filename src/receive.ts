/** Listens, tells callers apart, runs a session for each, and drains at the end. */
import { FtxError } from './errors.js';
import type { Connection, EventListener, TransferEvent } from './ports.js';
import { countStrangersAllowed, createAdmission, type Admission, type Guest } from './net/admission.js';
import { hostOf } from './net/tcp.js';
import { detectCaller, refusalFor, type Detected } from './net/detect.js';
import { listen, type Listener } from './net/listen.js';
import { DEFAULT_TIMEOUTS, type Timeouts } from './protocol/constants.js';
import { BUSY, SHUTTING_DOWN, turnAway } from './protocol/turn-away.js';
import { within } from './protocol/watch.js';
import { createBlockPool, type BlockPool } from './session/block-pool.js';
import { receiveClassic } from './session/classic.js';
import { receiveSession } from './session/receiver.js';
import { secondsSince, type SessionResult } from './session/tally.js';
import { createFileSink, type ConflictPolicy } from './storage/file-sink.js';
import { prepareFolder } from './storage/folders.js';
import { removeOldParts } from './storage/parts.js';
import { createSpace, type Space } from './storage/space.js';

export { listParts, type LeftPart } from './storage/parts.js';

export interface ReceiveOptions {
  /** Where files go; made if it is missing. */
  readonly dir: string;
  /** Default 6000; 0 takes a free one. */
  readonly port?: number | undefined;
  /** One address of this machine; all of them when absent. */
  readonly host?: string | undefined;
  /** What happens to a file whose name is taken. Default `rename`. */
  readonly onConflict?: ConflictPolicy | undefined;
  /** Bytes of the largest file to take. Default 10 GiB. */
  readonly maxSize?: number | undefined;
  /** Connections at the same time; one more is told to try again. Default 1024. */
  readonly maxConnections?: number | undefined;
  /** Whether to take classic senders. Default true. */
  readonly classic?: boolean | undefined;
  /** Close after the first session in which something was offered. */
  readonly once?: boolean | undefined;
  /** Milliseconds after which a broken transfer that nobody has gone on with is removed. Default 7 days. */
  readonly keepPartsMs?: number | undefined;
  /** Milliseconds a connection may stand still. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Closes at once, dropping what is running. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: EventListener | undefined;
}

/** What came of all sessions. */
export type ReceiveResult = SessionResult;

export interface Receiver {
  readonly port: number;
  /** Absolute. */
  readonly dir: string;
  /** This machine's addresses that a sender can use. */
  readonly addresses: readonly string[];
  /** Stops accepting, lets running transfers finish for at most `graceMs` (default 0), then drops them. */
  close(graceMs?: number): Promise<void>;
  /** Resolves when everything is closed. */
  readonly closed: Promise<ReceiveResult>;
}

export const DEFAULT_PORT = 6000;
const DAY_MS = 24 * 60 * 60 * 1000;
const DEFAULT_KEEP_PARTS_MS = 7 * DAY_MS;
const DEFAULT_MAX_SIZE = 10 * 1024 ** 3;
const DEFAULT_MAX_CONNECTIONS = 1024;
/** Entries of one session that may be open at once. */
const MAX_OPEN_OFFERS = 256;
/** 32 MiB in flight between the sockets and the disk. */
const POOL_BLOCKS = 32;

/** Throws FtxError `cannot-create`, `port-in-use`, `denied` or `unknown-host`. */
export async function receive(options: ReceiveOptions): Promise<Receiver> {
  const dir = await prepareFolder(options.dir);
  const mailbox = new Mailbox(dir, options);
  const { port = DEFAULT_PORT, host, signal, onEvent } = options;
  const listener = await listen({ port, host, onConnection: (connection) => mailbox.take(connection) });
  mailbox.attach(listener);
  const closeNow = () => mailbox.close(0);
  signal?.addEventListener('abort', closeNow);
  if (signal?.aborted) closeNow();
  const cleaning = startCleaning(dir, options.keepPartsMs ?? DEFAULT_KEEP_PARTS_MS);
  const closed = mailbox.closed.finally(() => {
    clearInterval(cleaning);
    signal?.removeEventListener('abort', closeNow);
  });
  onEvent?.({ type: 'listening', dir, port: listener.port, addresses: listener.addresses });
  return {
    port: listener.port,
    dir,
    addresses: listener.addresses,
    closed,
    async close(graceMs = 0) {
      mailbox.close(graceMs);
      await closed;
    },
  };
}

/** Removes broken transfers that have been left for too long, now and once a day. */
function startCleaning(dir: string, keepMs: number): NodeJS.Timeout {
  const clean = () => void removeOldParts(dir, keepMs).catch(() => undefined);
  clean();
  return setInterval(clean, DAY_MS);
}

/** One connection that has been let in. */
interface Visit {
  readonly connection: Connection;
  readonly guest: Guest;
  /** Ends it, with the reason for the caller. */
  readonly stop: AbortController;
  /** performance.now() when it came. */
  readonly since: number;
  hasOffered: boolean;
}

/** The connections of one listening port. */
class Mailbox {
  /** Resolves when the port is closed and every session over. */
  readonly closed: Promise<ReceiveResult>;
  readonly #dir: string;
  readonly #options: ReceiveOptions;
  readonly #timeouts: Timeouts;
  readonly #space: Space;
  readonly #pool: BlockPool = createBlockPool(POOL_BLOCKS);
  readonly #admission: Admission;
  readonly #visits = new Set<Visit>();
  readonly #started = performance.now();
  readonly #total = { stored: 0, sent: 0, refused: 0, failed: 0, bytes: 0 };
  #firstFailure: FtxError | undefined;
  #sessions = 0;
  #listener: Listener | undefined;
  #closing = false;
  #grace: NodeJS.Timeout | undefined;
  #resolveClosed!: (result: ReceiveResult) => void;

  constructor(dir: string, options: ReceiveOptions) {
    this.#dir = dir;
    this.#space = createSpace(dir);
    this.#options = options;
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...(options.timeoutMs !== undefined && { idleMs: options.timeoutMs }) };
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    const maxGuests = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
    const maxStrangers = countStrangersAllowed(maxGuests);
    this.#admission = createAdmission({ maxGuests, maxStrangers, now: () => performance.now() });
  }

  attach(listener: Listener): void {
    this.#listener = listener;
  }

  /** Serves one caller; never throws. */
  take(connection: Connection): void {
    if (this.#closing) return turnAway(connection, SHUTTING_DOWN);
    const stop = new AbortController();
    const guest = this.#admission.admit(connection.peer, () => stop.abort(BUSY));
    if (!guest) return turnAway(connection, BUSY);
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
    const seconds = secondsSince(this.#started);
    this.#resolveClosed({ ...this.#total, seconds, ...(this.#firstFailure && { firstFailure: this.#firstFailure }) });
  }

  async #serve(visit: Visit): Promise<void> {
    const detected = await this.#detect(visit);
    if (!detected) return;
    const result = await this.#runSession(detected, visit);
    if (!result) return;
    for (const key of ['stored', 'sent', 'refused', 'failed', 'bytes'] as const) this.#total[key] += result[key];
    this.#firstFailure ??= result.firstFailure;
    // A port scanner is nobody to close for.
    if (this.#options.once && visit.hasOffered) this.close(this.#timeouts.idleMs);
  }

  /** Undefined when the caller said nothing, or not in time. */
  async #detect({ connection, stop: { signal } }: Visit): Promise<Detected | undefined> {
    const abort = () => turnAway(connection, signal.reason as FtxError);
    signal.addEventListener('abort', abort);
    try {
      const detected = await within(this.#timeouts.greetingMs, connection, 'say anything', detectCaller(connection));
      if (!detected) connection.destroy(new FtxError('lost', 'The caller said nothing.'));
      return detected;
    } catch {
      return undefined;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Undefined for callers that are not served. */
  async #runSession({ caller, connection }: Detected, visit: Visit): Promise<SessionResult | undefined> {
    const { onEvent, classic = true, maxSize = DEFAULT_MAX_SIZE, onConflict = 'rename' } = this.#options;
    const isServed = caller === 'ftx' || (caller === 'classic' && classic);
    if (!isServed) {
      connection.write([refusalFor(caller)]).catch(() => undefined);
      connection.destroy(new FtxError('protocol', `This port does not serve ${caller}.`));
      return undefined;
    }
    // The time to introduce oneself began with the connection.
    const greetingMs = Math.max(1, this.#timeouts.greetingMs - (performance.now() - visit.since));
    const common = {
      session: (this.#sessions += 1),
      timeouts: { ...this.#timeouts, greetingMs },
      signal: visit.stop.signal,
      onEvent: (event: TransferEvent) => {
        if (event.type === 'offered') settle(visit);
        onEvent?.(event);
      },
    };
    const [dir, space] = [this.#dir, this.#space];
    if (caller === 'ftx') {
      const sink = createFileSink({ dir, onConflict, maxSize, peer: hostOf(connection.peer), space });
      return receiveSession(connection, { ...common, sink, pool: this.#pool, limits: { offers: MAX_OPEN_OFFERS, size: maxSize } });
    }
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize, space });
    return receiveClassic(connection, { ...common, sink, maxSize, name: nameClassicFile(new Date()) });
  }
}

function settle(visit: Visit): void {
  visit.hasOffered = true;
  visit.guest.settle();
}

/** `classic-2026-01-31-235959`, local time. */
function nameClassicFile(now: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `classic-${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}
