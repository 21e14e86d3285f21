/** The table of the entries that were offered and are not at their end: PROTOCOL.md section 5, from offer to stored. */
import { formatAddress } from '../../core/address.js';
import { FtxError, isRefusal } from '../../core/errors.js';
import type { Source } from '../../core/source.js';
import type { Channel } from '../../protocol/channel.js';
import type { Timeouts } from '../../protocol/constants.js';
import type { Message, StoredMessage } from '../../protocol/messages.js';
import type { SessionShares } from '../shares.js';
import { secondsSince, type Tally } from '../tally.js';
import type { Condition } from './condition.js';
import { findOverdue, takeAgain, takeHave, takeReady, type OpenEntry, type SentFile } from './outgoing-entry.js';
import type { SendQueue } from './send-queue.js';

/** How often newer transfers of this sender may take one entry over, before it counts as failed. */
const MAX_FOLLOWS = 16;
/** Milliseconds without content that moves after which the sender only waits. */
const STILL_MS = 500;

export interface OutgoingEntriesOptions {
  readonly channel: Channel;
  readonly tally: Tally;
  /** Entries that may be open at once. */
  readonly maxOpen: number;
  readonly timeouts: Timeouts;
  /** Gets the content that the receiver is ready for, and the blocks that it asks for again. */
  readonly queue: SendQueue;
  /** Is notified of each change of the table or the queue. */
  readonly changed: Condition;
  readonly shares: SessionShares;
  /** Whether the receiver takes pins. */
  readonly tellsPins: boolean;
}

/** Offers entries, takes the receiver's answers to them, and tells the tally what came of each. */
export class OutgoingEntries {
  readonly #options: OutgoingEntriesOptions;
  readonly #open = new Map<number, OpenEntry>();
  readonly #saving: Promise<void>[] = [];
  /** The number of open entries that are not directories. */
  #openFiles = 0;
  #lastId = 0;
  #finished = false;
  #failed = false;
  /** performance.now() when content last moved. */
  #moved = 0;
  /** performance.now() when the receiver last told what it is doing. */
  #alive = -Infinity;

  constructor(options: OutgoingEntriesOptions) {
    this.#options = options;
  }

  /** True once everything was offered and is at its end. */
  get finished(): boolean {
    return this.#finished;
  }

  get openCount(): number {
    return this.#open.size;
  }

  isOpen({ id }: OpenEntry): boolean {
    return this.#open.has(id);
  }

  /** Whether content of the entry is still worth sending. */
  isWanted(entry: OpenEntry): boolean {
    return !this.#failed && this.isOpen(entry);
  }

  /** Whether the source may be offered now. A directory gets its mode and time when it is offered, so its content must be there before. */
  canOffer({ entry }: Source): boolean {
    return this.#open.size < this.#options.maxOpen && !(entry.kind === 'directory' && this.#openFiles > 0);
  }

  /** Offers the source. Resolves when the offer has been sent, and not when it is answered. */
  async offer(source: Source): Promise<void> {
    if (source.entry.kind !== 'directory') this.#openFiles += 1;
    const now = performance.now();
    await this.#offer(source, { started: now }, now);
  }

  /** `since`: performance.now() from when on the receiver owes the answer. */
  async #offer(source: Source, kept: Pick<OpenEntry, 'started' | 'follows'>, since: number): Promise<void> {
    const id = ++this.#lastId;
    this.#open.set(id, { ...kept, id, source, awaited: { what: 'an answer to the offer', since } });
    const { path, kind, size } = source.entry;
    if (size === null) this.#options.shares.noteStream();
    this.#options.tally.emit({ type: 'offered', path, kind, size });
    const { entry, pin } = source;
    await this.#options.channel.send({ type: 'offer', id, entry, ...(this.#options.tellsPins && { pin }) });
  }

  /** Takes one message about an entry. Throws FtxError `protocol` for what a receiver must not send. */
  receive(message: Message): void {
    const entry = this.#find(message);
    if (entry) this.#take(entry, message);
    this.#options.changed.notify();
  }

  /** Notes that content up to byte `bytes` of the entry was sent. */
  noteProgress({ source }: OpenEntry, bytes: number): void {
    const { tally, shares } = this.#options;
    this.#moved = performance.now();
    const { path, size } = source.entry;
    const limit = shares.limitedBy && { limitedBy: shares.limitedBy };
    tally.emit({ type: 'progress', path, bytes, size, total: null, ...limit });
  }

  /** Notes that content which the receiver has was read to be compared: `bytes` of `of` so far. */
  noteCompared({ source }: OpenEntry, bytes: number, of: number): void {
    this.#moved = performance.now();
    const { path, size } = source.entry;
    this.#options.tally.emit({ type: 'comparing', path, bytes, of, size });
  }

  /** Notes that the receiver has told what it is doing. Tells which entry is only waited for, if nothing moves. */
  noteStatus(): void {
    const { tally, shares } = this.#options;
    this.#alive = performance.now();
    const limit = shares.limitedBy;
    const from = this.#alive - STILL_MS;
    if (!limit || limit.startsWith('sender') || this.#moved > from) return;
    for (const { awaited, source } of this.#open.values())
      if (awaited?.what === 'stored' && awaited.since <= from)
        return tally.emit({ type: 'waiting', path: source.entry.path, for: limit });
  }

  /** Notes that all content of the entry was sent: now the receiver has to store it. */
  noteEnd(entry: OpenEntry, end: SentFile): void {
    entry.ended = end;
    entry.awaited = { what: 'stored', since: performance.now() };
  }

  /** Ends an entry that was refused or has failed. */
  close(entry: OpenEntry, { code, message }: FtxError): void {
    this.#remove(entry, false);
    const { path } = entry.source.entry;
    this.#options.tally.emit({ type: isRefusal(code) ? 'refused' : 'failed', path, code, message });
  }

  /** Ends the loops: everything was offered and is at its end. */
  finish(): void {
    this.#finished = true;
    this.#options.changed.notify();
  }

  /** Ends every wait of the loops with the reason. */
  fail(reason: Error): void {
    this.#failed = true;
    this.#options.changed.fail(reason);
  }

  /** Saves the journals of open entries, so that a later session can resume them, and waits for all journals. */
  async save(): Promise<void> {
    for (const { source } of this.#open.values()) if (source.journal) this.#saving.push(source.journal.save());
    await Promise.all(this.#saving);
  }

  /** Throws FtxError `timeout` when the receiver has owed an answer for too long while nothing moved. */
  assertInTime(): void {
    const { channel, timeouts } = this.#options;
    for (const entry of this.#open.values()) {
      const what = findOverdue(entry, timeouts, { moved: this.#moved, alive: this.#alive });
      if (what)
        throw new FtxError(
          'timeout',
          `${formatAddress(channel.address)} did not send ${what} for ${entry.source.entry.path}. Try again.`,
        );
    }
  }

  /** Finds the open entry of a message. Undefined for an entry that is at its end, because messages of both sides may cross. */
  #find({ type, id }: Message): OpenEntry | undefined {
    if (id === 0 || id > this.#lastId)
      throw new FtxError('protocol', `The receiver sent ${type} for the id ${id}, which was never offered.`);
    return this.#open.get(id);
  }

  #take(entry: OpenEntry, message: Message): void {
    const { queue, shares } = this.#options;
    switch (message.type) {
      case 'ready': {
        const task = takeReady(entry, message);
        if (task) queue.addReady(task);
        return message.have ? this.#showResumed(entry, message.offset) : undefined;
      }
      case 'have': {
        const task = takeHave(entry, message.digests);
        return task && queue.addReady(task);
      }
      case 'again':
        return queue.addAgain(takeAgain(entry, message.offset));
      case 'stored':
        if (message.shares) shares.noteTotal(message.shares);
        return this.#takeStored(entry, message);
      case 'error':
        if (message.follow && (entry.follows ?? 0) < MAX_FOLLOWS) return this.#follow(entry);
        return this.close(entry, new FtxError(message.code, message.message));
      case 'refused':
        return this.close(entry, new FtxError(message.code, message.message));
      default:
        throw new FtxError('protocol', `The receiver sent a ${message.type} message, which it must not.`);
    }
  }

  /** A newer transfer of this sender goes on with the file. The answer to a new offer comes once that is over. */
  #follow({ id, source, started, awaited, follows = 0 }: OpenEntry): void {
    this.#open.delete(id);
    // To be told to offer again is no answer to an offer: the receiver goes on owing that.
    const since = awaited?.what === 'an answer to the offer' ? awaited.since : performance.now();
    // If the offer cannot be sent, the loops learn of it from the channel.
    this.#offer(source, { started, follows: follows + 1 }, since).catch(() => undefined);
  }

  #showResumed({ source }: OpenEntry, bytes: number): void {
    const { path, size } = source.entry;
    this.#options.tally.emit({ type: 'resumed', path, bytes, size });
  }

  #takeStored(entry: OpenEntry, { as, already, durable, digest: known }: StoredMessage): void {
    const { path, kind, size: offered } = entry.source.entry;
    // The receiver has this very file of an earlier transfer, and has asked for nothing.
    if (already && known !== undefined && offered !== null) entry.ended ??= { digest: known, size: offered };
    if (kind === 'file' && !entry.ended)
      throw new FtxError('protocol', `The receiver says that ${path} is stored, but it does not have all of it.`);
    this.#remove(entry, true);
    const { digest, size } = entry.ended ?? { digest: null, size: 0 };
    const seconds = secondsSince(entry.started);
    this.#options.tally.emit({ type: 'stored', path, as, size, digest, already, durable, seconds });
  }

  #remove(entry: OpenEntry, isStored: boolean): void {
    this.#open.delete(entry.id);
    const { journal } = entry.source;
    if (journal) this.#saving.push(isStored ? journal.remove() : journal.save());
    if (entry.source.entry.kind !== 'directory') this.#openFiles -= 1;
    this.#options.changed.notify();
  }
}
