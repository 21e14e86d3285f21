/** What a sender offers, and what the receiver answers: PROTOCOL.md section 5, from offer to stored. */
import { FtxError } from '../../core/errors.js';
import type { Source } from '../../core/source.js';
import type { Channel } from '../../protocol/channel.js';
import type { Message, PackedMessage, StoredMessage } from '../../protocol/messages.js';
import type { SessionShares } from '../shares.js';
import type { Tally } from '../tally.js';
import type { Condition } from './condition.js';
import type { Movement } from './movement.js';
import { OpenEntries, type Unnumbered } from './open-entries.js';
import { cutPack, type PackedFile } from './open-packs.js';
import { takeAgain, takeHave, takeReady, type OpenEntry, type OpenPack, type SentFile } from './outgoing-entry.js';
import { tellFailure, tellOffered, tellResumed, tellStored } from './outgoing-events.js';
import type { SendQueue } from './send-queue.js';

/** How often newer transfers of this sender may take one entry over, before it counts as failed. */
const MAX_FOLLOWS = 16;

export interface OutgoingEntriesOptions {
  readonly channel: Channel;
  readonly tally: Tally;
  /** Entries that may be open at once. */
  readonly maxOpen: number;
  readonly movement: Movement;
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
  readonly #open: OpenEntries;
  readonly #saving: Promise<void>[] = [];
  #finished = false;
  #failed = false;

  constructor(options: OutgoingEntriesOptions) {
    this.#options = options;
    this.#open = new OpenEntries(options.maxOpen);
  }

  /** True once everything was offered and is at its end. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Whether all that was offered is at its end. */
  get isEmpty(): boolean {
    return this.#open.isEmpty;
  }

  /** Notes that the receiver has told what it is doing. */
  noteStatus(): void {
    this.#options.movement.noteStatus(this.#open.all());
  }

  /** Throws FtxError `timeout` when the receiver has owed an answer for too long while nothing moved. */
  assertInTime(): void {
    this.#options.movement.assertInTime(this.#open.owed());
  }

  isOpen(entry: OpenEntry): boolean {
    return this.#open.has(entry);
  }

  /** Whether content of the entry is still worth sending. */
  isWanted(entry: OpenEntry): boolean {
    return !this.#failed && this.isOpen(entry);
  }

  /** Whether a pack may be sent now. */
  get canPack(): boolean {
    return this.#open.hasPlaceForPack;
  }

  /** Whether the source may be offered now. A directory gets its mode and time when it is offered, so its content must be there before. */
  #canOffer({ entry }: Source): boolean {
    return this.#open.hasPlace && !(entry.kind === 'directory' && this.#open.hasFiles);
  }

  /** Offers the source, as soon as that is allowed. Resolves when the offer has been sent, and not when it is answered. */
  async offer(source: Source): Promise<void> {
    // Entries that are offered anew may take the place that the wait was for.
    do await this.#options.changed.until(() => this.#canOffer(source));
    while (!this.#canOffer(source));
    await this.#offer({ source, started: performance.now() }, true);
  }

  async #offer(offered: Unnumbered, isNew: boolean): Promise<void> {
    const { channel, shares, tally, tellsPins } = this.#options;
    const { id } = this.#open.add(offered, isNew);
    const { entry, pin } = offered.source;
    if (entry.size === null) shares.noteStream();
    tellOffered(tally, entry);
    await channel.send({ type: 'offer', id, entry, ...(tellsPins && { pin }) });
  }

  /** Sends files in one pack; see canPack. Resolves when the memory of `content` may be reused. */
  sendPack(files: readonly PackedFile[], content: Uint8Array): Promise<void> {
    const { channel, movement, tally } = this.#options;
    const { id, entries } = this.#open.addPack(files);
    for (const entry of entries) {
      tellOffered(tally, entry.source.entry);
      const { size } = entry.source.entry;
      if (size) movement.noteProgress(entry, size);
    }
    return channel.sendBlock({ type: 'pack', id, count: files.length, length: content.length }, content);
  }

  /** Ends a file that could not be read for a pack, and of which the receiver has not heard. */
  failUnsent({ entry }: Source, failure: FtxError): void {
    if (this.#failed) return;
    tellOffered(this.#options.tally, entry);
    tellFailure(this.#options.tally, entry, failure);
  }

  /** Takes one message about an entry. Throws FtxError `protocol` for what a receiver must not send. */
  receive(message: Message): void {
    if (message.type === 'packed') this.#takePacked(message);
    else {
      const entry = this.#open.find(message);
      if (entry) this.#take(entry, message);
    }
    this.#offerAnew();
    this.#options.changed.notify();
  }

  /** Notes that all content of the entry was sent: now the receiver has to store it. */
  noteEnd(entry: OpenEntry, end: SentFile): void {
    entry.ended = end;
    entry.awaited = { what: 'stored', since: performance.now() };
  }

  /** Ends an entry that was refused or has failed. */
  close(entry: OpenEntry, failure: FtxError): void {
    this.#remove(entry, false);
    tellFailure(this.#options.tally, entry.source.entry, failure);
    this.#offerAnew();
    this.#options.changed.notify();
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
    for (const { source } of this.#open.all()) if (source.journal) this.#saving.push(source.journal.save());
    await Promise.all(this.#saving);
  }

  #take(entry: OpenEntry, message: Message): void {
    const { queue, shares, tally } = this.#options;
    switch (message.type) {
      case 'ready': {
        const task = takeReady(entry, message);
        if (task) queue.addReady(task);
        return message.have ? tellResumed(tally, entry.source.entry, message.offset) : undefined;
      }
      case 'have': {
        const task = takeHave(entry, message.digests);
        return task && queue.addReady(task);
      }
      case 'again':
        return entry.pack
          ? this.#cut(entry.pack, entry, message.offset)
          : queue.addAgain(takeAgain(entry, message.offset));
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

  /** Part of a pack has not arrived. */
  #cut(pack: OpenPack, from: OpenEntry, offset: number): void {
    for (const lacking of cutPack(pack, from, offset))
      this.#open.setAside(lacking, { source: lacking.source, started: lacking.started });
  }

  /** A newer transfer of this sender goes on with the file. The answer to a new offer comes once that is over. */
  #follow(entry: OpenEntry): void {
    const { source, started, awaited, follows = 0 } = entry;
    // To be told to offer again is no answer to an offer: the receiver goes on owing that.
    const since = awaited?.what === 'an answer to the offer' ? awaited.since : undefined;
    this.#open.setAside(entry, { source, started, follows: follows + 1, since });
  }

  /** Offers entries that were set aside, as far as there are places. */
  #offerAnew(): void {
    for (let entry = this.#open.takeWaiting(); entry; entry = this.#open.takeWaiting())
      // If the offer cannot be sent, the loops learn of it from the channel.
      this.#offer(entry, false).catch(() => undefined);
  }

  #takePacked({ id, durable, shares }: PackedMessage): void {
    if (shares) this.#options.shares.noteTotal(shares);
    for (const entry of this.#open.closePack(id))
      this.#takeStored(entry, { as: entry.source.entry.path, already: false, durable });
  }

  #takeStored(entry: OpenEntry, stored: Omit<StoredMessage, 'type' | 'id'>): void {
    const { path, kind, size: offered } = entry.source.entry;
    const { already, digest: known } = stored;
    // The receiver has this very file of an earlier transfer, and has asked for nothing.
    if (already && known !== undefined && offered !== null) entry.ended ??= { digest: known, size: offered };
    if (kind === 'file' && !entry.ended)
      throw new FtxError('protocol', `The receiver says that ${path} is stored, but it does not have all of it.`);
    this.#remove(entry, true);
    tellStored(this.#options.tally, entry, stored);
  }

  #remove(entry: OpenEntry, isStored: boolean): void {
    this.#open.remove(entry);
    const { journal } = entry.source;
    if (journal) this.#saving.push(isStored ? journal.remove() : journal.save());
  }
}
