/** The entries of one session on their way out: PROTOCOL.md section 5, from offer to stored. */
import { FtxError, isRefusal, toFtxError } from '../../core/errors.js';
import type { Limit, ReceiverShares } from '../../core/events.js';
import type { Source } from '../../core/source.js';
import type { Channel } from '../../protocol/channel.js';
import { MAX_WAITING_REQUESTS, type Timeouts } from '../../protocol/constants.js';
import type { Message, StoredMessage } from '../../protocol/messages.js';
import { createCondition } from './condition.js';
import { ContentSender, isSmallFile, SourceFailure, type Content } from './content-sender.js';
import { findOverdue, takeAgain, takeHave, takeReady, type OpenEntry, type Task } from './outgoing-entry.js';
import { createSenderWatch, findLimit } from '../shares.js';
import { secondsSince, type Tally } from '../tally.js';

/** Small files that are read and sent at the same time. */
const MAX_SMALL_AT_ONCE = 8;

export interface OutgoingEntriesOptions {
  readonly channel: Channel;
  readonly tally: Tally;
  /** Entries that may be open at once. */
  readonly maxOpen: number;
  readonly timeouts: Timeouts;
}

/** Three loops share it: offerAll, sendContents and the reader of answers. */
export class OutgoingEntries {
  readonly #options: OutgoingEntriesOptions;
  readonly #open = new Map<number, OpenEntry>();
  readonly #ready: Task[] = [];
  readonly #again: Task[] = [];
  readonly #changed = createCondition();
  readonly #watch = createSenderWatch();
  readonly #contents: ContentSender;
  #receiver: ReceiverShares | null = null;
  #limitedBy: Limit | null = null;
  readonly #saving: Promise<void>[] = [];
  #openFiles = 0;
  #sendingBeside = 0;
  #lastId = 0;
  #finished = false;
  #failed = false;
  /** performance.now() when content last moved. */
  #moved = 0;

  constructor(options: OutgoingEntriesOptions) {
    this.#options = options;
    this.#contents = new ContentSender({
      channel: options.channel,
      watch: this.#watch,
      isWanted: (id) => !this.#failed && this.#open.has(id),
      afterBlock: (content, bytes) => this.#afterBlock(content, bytes),
    });
  }

  /** True once everything was offered and is at its end. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Ends every wait with the reason. */
  fail(reason: Error): void {
    this.#failed = true;
    this.#changed.fail(reason);
  }

  /** Keeps what a later session can go on with. */
  async save(): Promise<void> {
    for (const { source } of this.#open.values()) if (source.journal) this.#saving.push(source.journal.save());
    await Promise.all(this.#saving);
  }

  /** Offers one source after the other, and resolves when all are at their end. */
  async offerAll(sources: AsyncIterable<Source>): Promise<void> {
    for await (const source of sources) {
      // A directory gets its mode and time when it is offered, so its content must be there.
      const isDirectory = source.entry.kind === 'directory';
      const { maxOpen } = this.#options;
      await this.#changed.until(() => this.#open.size < maxOpen && !(isDirectory && this.#openFiles > 0));
      await this.#offer(source);
    }
    await this.#changed.until(() => this.#open.size === 0);
    this.#finished = true;
    this.#changed.notify();
  }

  /** Sends what the receiver is ready for, until offerAll is done. */
  async sendContents(): Promise<void> {
    for (;;) {
      this.#watch.enter('network');
      await this.#changed.until(() => this.#finished || this.#again.length > 0 || this.#canSendNext());
      this.#watch.enter('cpu');
      if (this.#finished) return;
      await this.#sendAgain();
      const task = this.#canSendNext() ? this.#ready.shift() : undefined;
      if (task && isSmallFile(task.entry.source)) this.#sendBeside(task);
      else if (task) await this.#attempt(task, () => this.#sendFile(task));
    }
  }

  /** Takes one message of the receiver. */
  receive(message: Message): void {
    const entry = this.#find(message);
    if (entry) this.#answer(entry, message);
    this.#changed.notify();
  }

  /** The receiver tells what its last second went into. */
  noteReceiver(shares: ReceiverShares): void {
    this.#receiver = shares;
    this.#limitedBy = findLimit(this.#watch.lap(), shares);
  }

  /** Hands what is known of the whole session to the tally. */
  reportShares(): void {
    this.#options.tally.setShares(this.#watch.total(), this.#receiver);
  }

  /** Throws FtxError `timeout` when the receiver has owed an answer for too long while nothing moved. */
  checkDeadlines(): void {
    const { channel, timeouts } = this.#options;
    for (const entry of this.#open.values()) {
      const what = findOverdue(entry, timeouts, this.#moved);
      if (what)
        throw new FtxError(
          'timeout',
          `${channel.peer} did not send ${what} for ${entry.source.entry.path}. Try again.`,
        );
    }
  }

  async #offer(source: Source): Promise<void> {
    const id = ++this.#lastId;
    const now = performance.now();
    this.#open.set(id, { id, source, started: now, awaited: { what: 'an answer to the offer', since: now } });
    const { path, kind, size } = source.entry;
    if (kind !== 'directory') this.#openFiles += 1;
    this.#options.tally.emit({ type: 'offered', path, kind, size });
    await this.#options.channel.send({ type: 'offer', id, entry: source.entry });
  }

  /** Undefined for an entry that is at its end: answers may cross. */
  #find({ type, id }: Message): OpenEntry | undefined {
    if (id === 0 || id > this.#lastId)
      throw new FtxError('protocol', `The receiver sent ${type} for the id ${id}, which was never offered.`);
    return this.#open.get(id);
  }

  #answer(entry: OpenEntry, message: Message): void {
    switch (message.type) {
      case 'ready':
        this.#queue(takeReady(entry, message.offset, message.have));
        return message.have ? this.#showResumed(entry, message.offset) : undefined;
      case 'have':
        return this.#queue(takeHave(entry, message.digests));
      case 'again':
        if (this.#again.push(takeAgain(entry, message.offset)) <= MAX_WAITING_REQUESTS) return;
        throw new FtxError('protocol', 'The receiver asks for blocks again faster than they can be sent.');
      case 'stored':
        this.#receiver = message.shares ?? this.#receiver;
        return this.#takeStored(entry, message);
      case 'refused':
      case 'error':
        return this.#close(entry, new FtxError(message.code, message.message));
      default:
        throw new FtxError('protocol', `The receiver sent a ${message.type} message, which it must not.`);
    }
  }

  #showResumed({ source }: OpenEntry, bytes: number): void {
    const { path, size } = source.entry;
    this.#options.tally.emit({ type: 'resumed', path, bytes, size });
  }

  #queue(task: Task | undefined): void {
    if (task) this.#ready.push(task);
  }

  #takeStored(entry: OpenEntry, { as, already, durable }: StoredMessage): void {
    const { path, kind } = entry.source.entry;
    if (kind === 'file' && !entry.ended)
      throw new FtxError('protocol', `The receiver says that ${path} is stored, but it does not have all of it.`);
    this.#remove(entry, true);
    const { digest, size } = entry.ended ?? { digest: null, size: 0 };
    const seconds = secondsSince(entry.started);
    this.#options.tally.emit({ type: 'stored', path, as, size, digest, already, durable, seconds });
  }

  #close(entry: OpenEntry, { code, message }: FtxError): void {
    this.#remove(entry);
    const { path } = entry.source.entry;
    this.#options.tally.emit({ type: isRefusal(code) ? 'refused' : 'failed', path, code, message });
  }

  #remove(entry: OpenEntry, isStored = false): void {
    this.#open.delete(entry.id);
    const { journal } = entry.source;
    if (journal) this.#saving.push(isStored ? journal.remove() : journal.save());
    if (entry.source.entry.kind !== 'directory') this.#openFiles -= 1;
    this.#changed.notify();
  }

  #canSendNext(): boolean {
    return this.#ready.length > 0 && this.#sendingBeside < MAX_SMALL_AT_ONCE;
  }

  /** Opening a small file takes longer than sending it: the next ones are opened meanwhile. */
  #sendBeside(task: Task): void {
    this.#sendingBeside += 1;
    this.#attempt(task, () => this.#sendFile(task))
      .catch((error: unknown) => this.#changed.fail(toFtxError(error)))
      .finally(() => {
        this.#sendingBeside -= 1;
        this.#changed.notify();
      });
  }

  async #sendFile({ entry, offset, have }: Task): Promise<void> {
    const end = await this.#contents.sendFile(entry, offset, have);
    if (!end) return;
    entry.ended = end;
    entry.awaited = { what: 'stored', since: performance.now() };
    await this.#options.channel.send({ type: 'end', id: entry.id, ...end });
  }

  async #sendAgain(): Promise<void> {
    for (let task = this.#again.shift(); task; task = this.#again.shift()) {
      const { entry, offset } = task;
      if (this.#open.has(entry.id)) await this.#attempt(task, () => this.#contents.sendBlockAgain(entry, offset));
    }
  }

  #afterBlock({ source }: Content, bytes: number): Promise<void> {
    this.#moved = performance.now();
    const { path, size } = source.entry;
    const limit = this.#limitedBy && { limitedBy: this.#limitedBy };
    this.#options.tally.emit({ type: 'progress', path, bytes, size, total: null, ...limit });
    return this.#sendAgain();
  }

  /** A source that cannot be read ends its entry; anything else ends the session. */
  async #attempt({ entry }: Task, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof SourceFailure)) throw error;
      if (!this.#open.has(entry.id)) return;
      const { code, message } = error.failure;
      this.#close(entry, error.failure);
      await this.#options.channel.send({ type: 'error', id: entry.id, code, message });
    }
  }
}
