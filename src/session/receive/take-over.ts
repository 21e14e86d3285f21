/**
 * The same sender takes over from itself: PROTOCOL.md section 5, offer.
 *
 * A connection that was lost silently looks alive to the receiver for a while, and so does one whose file waits for a
 * slow disk. When the sender comes back with the same file, the older entry gives way: what has arrived is suspended,
 * and the newer one goes on from there. An entry that is being committed is waited for. An older session that lives
 * follows: it offers the file again, and has its turn when the newer one has stored the file or has failed.
 */
import type { Entry } from '../../core/entry.js';
import { FtxError } from '../../core/errors.js';
import type { Bringer } from '../../core/inbox.js';

/** An entry of another transfer that has not moved for this long, in milliseconds, gives way. */
const STILL_MS = 5_000;
/** Milliseconds between two looks at an entry that moves. */
const LOOK_MS = 1_000;

interface Turn {
  /** Notes that content of the entry is expected from now on, has arrived, or was read again. */
  noteMoved(): void;
  /** Lets the next entry begin. Safe to call more than once. */
  release(): void;
}

interface TurnOptions {
  readonly bringer: Bringer;
  /** The id of the transfer; undefined for an older sender. */
  readonly transfer: string | undefined;
  /** A newer session has a higher number. Entries of one session never give way to each other. */
  readonly session: number;
  /** Has the entry give way if it can, and returns whether it does. Its turn is released then. */
  readonly giveWay: () => boolean;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

interface Current extends TurnOptions {
  /** When content last arrived, a reading of performance.now(); undefined while none is expected. */
  movedAt: number | undefined;
  hasGivenWay: boolean;
  /** Called when the turn is released. */
  readonly waiting: (() => void)[];
}

/** Process-wide, by bringer and offer: the entries that arrive. */
const arriving = new Map<string, Current>();

const NO_TURN: Turn = { noteMoved: () => undefined, release: () => undefined };

/** Waits until no other session of the same sender has the file. Resolves at once when the signal is aborted. */
async function takeTurn(offer: Entry, options: TurnOptions): Promise<Turn> {
  const { session, signal } = options;
  const key = keyOf(offer, options);
  if (key === undefined) return NO_TURN;
  for (let other; (other = arriving.get(key));) {
    if ((other.session === session && !other.hasGivenWay) || signal.aborted) return NO_TURN;
    if (isToGiveWay(other, options)) other.hasGivenWay ||= other.giveWay();
    if (arriving.get(key) === other) await waitFor(other, signal);
  }
  return begin(key, options);
}

/** A turn without a wait; undefined if another session of the same sender has the file. */
function tryTurn(offer: Entry, options: TurnOptions): Turn | undefined {
  const key = keyOf(offer, options);
  if (key === undefined) return NO_TURN;
  const other = arriving.get(key);
  if (!other) return begin(key, options);
  return other.session === options.session && !other.hasGivenWay ? NO_TURN : undefined;
}

/** By what the same file of the same sender is known. Undefined for what no other session can bring. */
function keyOf({ path, size, mtimeNs }: Entry, { bringer, transfer }: TurnOptions): string | undefined {
  // A stream cannot be sent twice. Without a key, only the id of the transfer tells who it is.
  if (size === null || (bringer.kind === 'none' && transfer === undefined)) return undefined;
  const who = bringer.kind === 'key' ? bringer.id : `transfer ${transfer}`;
  return `${who}\n${size}\n${mtimeNs}\n${path}`;
}

/** Only a newer session has its way, so that two that live do not take a file from each other again and again. */
function isToGiveWay({ session, transfer, movedAt }: Current, newer: TurnOptions): boolean {
  if (newer.session <= session) return false;
  const isSame = transfer !== undefined && transfer === newer.transfer;
  return isSame || (movedAt !== undefined && performance.now() - movedAt >= STILL_MS);
}

function begin(key: string, options: TurnOptions): Turn {
  const current: Current = { ...options, movedAt: undefined, hasGivenWay: false, waiting: [] };
  arriving.set(key, current);
  return {
    noteMoved: () => void (current.movedAt = performance.now()),
    release() {
      if (arriving.get(key) === current) arriving.delete(key);
      for (const goOn of [...current.waiting]) goOn();
    },
  };
}

/** Resolves when the other entry is over, when it is time to look again, or when the signal is aborted. */
async function waitFor({ waiting }: Current, signal: AbortSignal): Promise<void> {
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const timer = setTimeout(stop, LOOK_MS);
  waiting.push(stop);
  signal.addEventListener('abort', stop);
  await stopped;
  signal.removeEventListener('abort', stop);
  waiting.splice(waiting.indexOf(stop), 1);
  clearTimeout(timer);
}

/** The files that one session receives, and that no other session of its sender may receive meanwhile. */
export interface Turns {
  /** Waits until no older session of the sender has the file. */
  take(id: number, offer: Entry, entry: Pick<TurnOptions, 'transfer' | 'giveWay'>): Promise<void>;
  /** As take(), without a wait: for a file whose content is here. Returns false if another session of the sender has the file. */
  tryTake(id: number, offer: Entry, transfer: string | undefined): boolean;
  /** Notes that content of the entry is expected from now on, has arrived, or was read again. */
  noteMoved(id: number): void;
  /** Lets the next session begin. Safe to call more than once. */
  end(id: number): void;
}

/** Process-wide: sessions so far. */
let sessions = 0;

export function createTurnsOf(bringer: Bringer, signal: AbortSignal): Turns {
  const session = ++sessions;
  const turns = new Map<number, Turn>();
  return {
    async take(id, offer, entry) {
      turns.set(id, await takeTurn(offer, { ...entry, bringer, session, signal }));
    },
    tryTake(id, offer, transfer) {
      const turn = tryTurn(offer, { bringer, transfer, session, signal, giveWay: () => false });
      if (turn) turns.set(id, turn);
      return turn !== undefined;
    },
    noteMoved: (id) => turns.get(id)?.noteMoved(),
    end(id) {
      turns.get(id)?.release();
      turns.delete(id);
    },
  };
}

/** FtxError `busy`: a newer session of the same sender goes on with the file. */
export function supersededError(): FtxError {
  return new FtxError('busy', 'Another transfer of the same sender goes on with this file.');
}
