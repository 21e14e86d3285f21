/** What is under way, as numbers: which sessions, which entries, how far. Made from events, for the bars. */
import type { Limit, Totals, TransferEvent } from '../../core/events.js';
import { createMeter, type Meter } from './meter.js';
import { isEnd } from './arrived.js';

export interface OpenEntry {
  readonly path: string;
  /** Null for a stream until its end. */
  size: number | null;
  /** Bytes that have moved, in this session or in an earlier one. */
  bytes: number;
  /** Set while the sender only reads what the receiver has: `bytes` of `of` bytes so far. */
  compared?: { readonly bytes: number; readonly of: number } | undefined;
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
  /** Until the whole is done; undefined until there is a basis for it. */
  readonly secondsLeft?: number | undefined;
  readonly limitedBy?: Limit | undefined;
  /** What a sender waits for while nothing moves, because all of what is open was sent. */
  readonly waitingFor?: Limit | undefined;
  /** What a sender has listed so far, while it makes its list; undefined in the first half second. */
  readonly counting?: Totals | undefined;
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
  meter: Meter;
  /** What was listed so far, and since when; undefined once something moves. */
  listing: { readonly since: number; readonly sum: Totals } | undefined;
  waitingFor: Limit | undefined;
  moving: string | undefined;
  ended: number;
  bytes: number;
  total: Totals | null;
  limitedBy: Limit | undefined;
}

/** A list that is made within this many milliseconds is not worth a line. */
const SHORT_MS = 500;

/** Takes constant memory per session and per open entry. */
export function createProgressModel(now: () => number): ProgressModel {
  const sessions = new Map<number, Session>();

  function apply(event: TransferEvent): void {
    if (event.type === 'listening' || event.type === 'code') return;
    // A classic send connects once for each file, and is one session all the same.
    if (event.type === 'connected') {
      const known = sessions.get(event.session);
      if (known) known.listing = beginListing(now());
      else sessions.set(event.session, newSession(event.peer, now()));
    }
    const session = sessions.get(event.session);
    if (!session) return;
    session.waitingFor = event.type === 'waiting' ? event.for : undefined;
    if (event.type === 'offered') applyOffered(session, event);
    else if (event.type === 'resumed') applyResumed(session, event);
    else if (event.type === 'comparing') applyComparing(session, event);
    else if (event.type === 'counting') applyCounting(session, event);
    else if (event.type === 'checked') applyChecked(session, now());
    else if (event.type === 'progress') move(session, event, now());
    else if (event.type === 'retrying') takeBack(session);
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
    meter: createMeter(at),
    listing: beginListing(at),
    waitingFor: undefined,
    moving: undefined,
    ended: 0,
    bytes: 0,
    total: null,
    limitedBy: undefined,
  };
}

type Of<Type extends TransferEvent['type']> = Extract<TransferEvent, { type: Type }>;

function beginListing(at: number): Session['listing'] {
  return { since: at, sum: { entries: 0, bytes: 0 } };
}

function applyCounting(session: Session, { entries, bytes }: Of<'counting'>): void {
  if (session.listing) session.listing = { ...session.listing, sum: { entries, bytes } };
}

/** The list is made. The time that it took is none in which anything could move. */
function applyChecked(session: Session, at: number): void {
  session.listing = undefined;
  if (session.ended === 0) session.meter = createMeter(at);
}

/** An entry that was open begins anew: what had moved of it counts again when it moves again. */
function applyOffered(session: Session, { path, size }: Of<'offered'>): void {
  session.bytes -= session.open.get(path)?.bytes ?? 0;
  session.open.set(path, { path, size, bytes: 0 });
}

/** The connection is lost: what is open is offered anew, and some of its bytes may be lost too. */
function takeBack(session: Session): void {
  for (const { bytes } of session.open.values()) session.bytes -= bytes;
  session.open.clear();
}

function openEntry(session: Session, { path, size }: Pick<OpenEntry, 'path' | 'size'>): OpenEntry {
  const entry = session.open.get(path) ?? { path, size, bytes: 0 };
  session.open.set(path, entry);
  return entry;
}

function applyComparing(session: Session, { path, size, bytes, of }: Of<'comparing'>): void {
  openEntry(session, { path, size }).compared = { bytes, of };
  session.moving = path;
  session.listing = undefined;
}

function move(session: Session, event: Of<'progress'>, at: number): void {
  const entry = openEntry(session, event);
  // Two open entries of one path take turns here, and neither makes the other go back.
  count(session, Math.max(0, event.bytes - entry.bytes), at);
  entry.bytes = Math.max(entry.bytes, event.bytes);
  entry.size ??= event.size;
  entry.compared = undefined;
  session.moving = event.path;
  session.listing = undefined;
  session.total = event.total ?? session.total;
  session.limitedBy = event.limitedBy;
}

/** Bytes of an earlier session count as done, but not for the rate. */
function applyResumed(session: Session, { path, size, bytes }: Of<'resumed'>): void {
  const before = session.open.get(path)?.bytes ?? 0;
  session.open.set(path, { path, size, bytes });
  session.bytes += bytes - before;
}

function end(session: Session, path: string, at: number, event: TransferEvent): void {
  const entry = session.open.get(path);
  session.open.delete(path);
  // What could not be read was never offered, and is not among the entries of the whole.
  if (entry || event.type === 'stored' || event.type === 'sent') {
    session.ended += 1;
    session.meter.endEntry(at);
  }
  if (event.type === 'stored') session.listing = undefined;
  if (!entry) return;
  const arrived = event.type === 'stored' || event.type === 'sent' ? event.size : entry.bytes;
  const rest = Math.max(0, (entry.size ?? arrived) - entry.bytes);
  const moved = (event.type === 'stored' && !event.already) || event.type === 'sent';
  if (moved) count(session, rest, at);
  else session.bytes += rest;
}

function count(session: Session, bytes: number, at: number): void {
  session.bytes += bytes;
  session.meter.add(bytes, at);
}

function view(session: Session, at: number): SessionProgress {
  const { listing, waitingFor, ended, bytes } = session;
  const total = session.total && { ...session.total, bytes: Math.max(session.total.bytes, bytes) };
  const isListing = listing && session.open.size === 0 && at - listing.since >= SHORT_MS;
  const moving = session.moving === undefined ? undefined : session.open.get(session.moving);
  const [first] = session.open.values();
  return {
    peer: session.peer,
    current: moving ?? first,
    ended,
    bytes,
    // A file that has grown since it was counted makes the whole larger.
    total,
    bytesPerSecond: session.meter.perSecond(at),
    secondsLeft: total ? session.meter.secondsFor(total.entries - ended, total.bytes - bytes, at) : undefined,
    limitedBy: session.limitedBy,
    waitingFor,
    counting: isListing ? listing.sum : undefined,
  };
}
