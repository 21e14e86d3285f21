/** What is under way, as numbers: which sessions, which entries, how far. Made from events, for the bars. */
import type { Limit, Totals, TransferEvent } from '../../core/events.js';
import { createRateMeter, type RateMeter } from './rate.js';
import { isEnd } from './arrived.js';

export interface OpenEntry {
  readonly path: string;
  readonly size: number | null;
  bytes: number;
}

export interface SessionProgress {
  readonly peer: string;
  /** The entry that moved last, or the first of those that wait. */
  readonly current: OpenEntry | undefined;
  /** Entries that have ended, stored or not. */
  readonly ended: number;
  /** Bytes that need not be sent any more: what has moved, and all of what was refused or there already. */
  readonly bytes: number;
  readonly total: Totals | null;
  readonly bytesPerSecond: number | undefined;
  readonly limitedBy?: Limit | undefined;
}

export interface ProgressModel {
  readonly apply: (event: TransferEvent) => void;
  /** Running sessions, the oldest first. */
  readonly sessions: () => SessionProgress[];
  readonly active: number;
}

interface Session {
  readonly peer: string;
  readonly open: Map<string, OpenEntry>;
  readonly meter: RateMeter;
  moving: string | undefined;
  ended: number;
  bytes: number;
  total: Totals | null;
  limitedBy: Limit | undefined;
}

/** Takes constant memory per session and per open entry. */
export function createProgressModel(now: () => number): ProgressModel {
  const sessions = new Map<number, Session>();

  function apply(event: TransferEvent): void {
    if (event.type === 'listening' || event.type === 'code') return;
    // A classic send connects once for each file, and is one session all the same.
    if (event.type === 'connected' && !sessions.has(event.session))
      sessions.set(event.session, newSession(event.peer, now()));
    const session = sessions.get(event.session);
    if (!session) return;
    if (event.type === 'offered') session.open.set(event.path, { path: event.path, size: event.size, bytes: 0 });
    else if (event.type === 'resumed') applyResumed(session, event);
    else if (event.type === 'progress') move(session, event, now());
    else if (event.type === 'done') sessions.delete(event.session);
    else if (isEnd(event) && event.path === null) sessions.delete(event.session);
    else if (isEnd(event) && event.path !== null) end(session, event.path, now(), event);
  }

  return {
    apply,
    sessions: () => [...sessions.values()].map((session) => view(session, now())),
    get active() {
      return sessions.size;
    },
  };
}

function newSession(peer: string, at: number): Session {
  return {
    peer,
    open: new Map(),
    meter: createRateMeter(at),
    moving: undefined,
    ended: 0,
    bytes: 0,
    total: null,
    limitedBy: undefined,
  };
}

function move(session: Session, event: Extract<TransferEvent, { type: 'progress' }>, at: number): void {
  const entry = session.open.get(event.path) ?? { path: event.path, size: event.size, bytes: 0 };
  session.open.set(event.path, entry);
  count(session, event.bytes - entry.bytes, at);
  entry.bytes = event.bytes;
  session.moving = event.path;
  session.total = event.total ?? session.total;
  session.limitedBy = event.limitedBy;
}

/** Bytes of an earlier session count as done, but not for the rate. */
function applyResumed(session: Session, { path, size, bytes }: Extract<TransferEvent, { type: 'resumed' }>): void {
  const before = session.open.get(path)?.bytes ?? 0;
  session.open.set(path, { path, size, bytes });
  session.bytes += bytes - before;
}

function end(session: Session, path: string, at: number, event: TransferEvent): void {
  const entry = session.open.get(path);
  session.open.delete(path);
  session.ended += 1;
  if (!entry) return;
  const arrived = event.type === 'stored' || event.type === 'sent' ? event.size : entry.bytes;
  const rest = (entry.size ?? arrived) - entry.bytes;
  const moved = (event.type === 'stored' && !event.already) || event.type === 'sent';
  if (moved) count(session, rest, at);
  else session.bytes += rest;
}

function count(session: Session, bytes: number, at: number): void {
  session.bytes += bytes;
  session.meter.add(bytes, at);
}

function view(session: Session, at: number): SessionProgress {
  const moving = session.moving === undefined ? undefined : session.open.get(session.moving);
  const [first] = session.open.values();
  return {
    peer: session.peer,
    current: moving ?? first,
    ended: session.ended,
    bytes: session.bytes,
    total: session.total,
    bytesPerSecond: session.meter.perSecond(at),
    limitedBy: session.limitedBy,
  };
}
