/** The entries of one session on their way into its sink: PROTOCOL.md section 5, from offer to stored. */
import { FtxError, isRefusal, isResumable, toFtxError } from '../../core/errors.js';
import { BLOCK_BYTES, type Entry } from '../../core/entry.js';
import type { PartFile, Placed, PresentFile, Sink } from '../../core/sink.js';
import type { Channel } from '../../protocol/channel.js';
import type { DataMessage } from '../../protocol/messages.js';
import { BlockIntake } from './block-intake.js';
import type { BlockPool } from './block-pool.js';
import { createIncomingFile, isSameFile, type FileEnd, type IncomingFile } from './incoming-file.js';
import type { ReceiverWatch } from '../shares.js';
import { secondsSince, type Tally } from '../tally.js';

/** Files of one session that are committed at the same time; each holds a descriptor. */
const MAX_COMMITS = 32;

/** An entry that has not come to its end. */
interface OpenEntry {
  readonly id: number;
  readonly offer: Entry;
  readonly started: number;
  /** Until the entry is ready to be sent, or will never be. */
  opening?: Promise<void>;
  /** Set once the entry is ready to be sent. */
  target?: IncomingFile | PresentFile;
  /** Set once all is here: what becomes of it is no longer in the sender's hands. */
  committing?: boolean;
}

export interface IncomingEntriesOptions {
  readonly channel: Channel;
  readonly sink: Sink;
  readonly pool: BlockPool;
  readonly tally: Tally;
  readonly watch: ReceiverWatch;
  /** Entries that may be open at once. */
  readonly maxOpen: number;
  /** Called for each block that is read only to be compared. */
  readonly onWork?: (() => void) | undefined;
}

/** Methods throw what ends the session; what concerns one entry is told to the sender and ends that entry. */
export class IncomingEntries {
  readonly #options: IncomingEntriesOptions;
  readonly #intake: BlockIntake;
  readonly #open = new Map<number, OpenEntry>();
  /** What goes on beside the reading of frames; none of it rejects. */
  readonly #background = new Set<Promise<void>>();
  readonly #commits = new Set<Promise<void>>();
  /** Directories and links are made one after the other, as they were offered. */
  #placing: Promise<unknown> = Promise.resolve();
  #lastId = 0;
  /** Why the session is over; what is read only to compare need not be read to its end. */
  #abandoned: FtxError | undefined;

  constructor(options: IncomingEntriesOptions) {
    this.#options = options;
    this.#intake = new BlockIntake(options.channel, options.pool, options.watch);
  }

  get openCount(): number {
    return this.#open.size;
  }

  admit(id: number, offer: Entry): void {
    if (id <= this.#lastId) throw new FtxError('protocol', `The peer offered the id ${id} twice or out of order.`);
    if (this.#open.size >= this.#options.maxOpen)
      throw new FtxError('protocol', `The peer has more than ${this.#options.maxOpen} offers open.`);
    this.#lastId = id;
    const entry: OpenEntry = { id, offer, started: performance.now() };
    this.#open.set(id, entry);
    this.#options.tally.emit({ type: 'offered', path: offer.path, kind: offer.kind, size: offer.size });
    entry.opening = offer.kind === 'file' ? this.#openFile(entry) : this.#place(entry);
    void this.#run(entry, entry.opening);
  }

  async receiveBlock(head: DataMessage): Promise<void> {
    const { channel } = this.#options;
    const entry = this.#find(head.id);
    if (!entry?.target) return channel.skipContent(head.length);
    const file = entry.target;
    if (!('arrive' in file) || entry.committing)
      throw new FtxError('protocol', 'The peer sent data that was not asked for.');
    const verdict = await this.#guard(entry, async () => {
      file.expect(head);
      return this.#intake.take(head, file, () => this.#open.has(head.id));
    });
    if (verdict === 'again') await channel.send({ type: 'again', id: head.id, offset: head.offset });
    if (verdict === 'keep') this.#showProgress(entry, file);
    return this.#commitIfComplete(entry, file);
  }

  receiveEnd(id: number, end: FileEnd): Promise<void> {
    const entry = this.#find(id);
    if (!entry?.target) return Promise.resolve();
    if (entry.committing || end.size !== (entry.offer.size ?? end.size)) throw refuseEnd();
    const target = entry.target;
    if ('arrive' in target) {
      target.end(end);
      return this.#commitIfComplete(entry, target);
    }
    return this.#startCommit(entry, this.#compare(entry, target, end));
  }

  /** The sender gives an entry up. */
  receiveError(id: number, error: FtxError): void {
    const entry = this.#find(id);
    if (entry && !entry.committing) this.#close(entry, error, isResumable(error.code, 'sender'));
  }

  /** Waits for all that was begun. */
  async finish(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  /** Gives up all but what is being committed, and waits for that. */
  async abandon(error: FtxError): Promise<void> {
    this.#abandoned = error;
    // What was being compared may turn out to be wanted after all: nobody sends it any more.
    while (this.#open.size > 0) {
      for (const entry of this.#open.values()) if (!entry.committing) this.#close(entry, error);
      await this.finish();
    }
    await this.finish();
  }

  /** Undefined for an entry that is at its end: frames of it may still be on the way. */
  #find(id: number): OpenEntry | undefined {
    if (id > this.#lastId)
      throw new FtxError('protocol', `The peer sent something for the id ${id}, which it never offered.`);
    const entry = this.#open.get(id);
    if (entry && !entry.target) throw new FtxError('protocol', `The peer did not wait until the id ${id} was ready.`);
    return entry;
  }

  async #openFile(entry: OpenEntry): Promise<void> {
    const { sink, channel } = this.#options;
    const { id, offer } = entry;
    const target = await sink.open(offer);
    if (target.state === 'part') return this.#startReceiving(entry, target);
    entry.target = target;
    return channel.send({ type: 'ready', id, offset: offer.size ?? 0, have: false });
  }

  async #startReceiving(entry: OpenEntry, part: PartFile): Promise<void> {
    const { channel } = this.#options;
    const { id, offer } = entry;
    if (!this.#open.has(id) || this.#abandoned) return part.suspend();
    entry.target = createIncomingFile(part, offer.size, (error) => this.#close(entry, error));
    const offset = Math.min(part.durable.length * BLOCK_BYTES, offer.size ?? 0);
    if (offset > 0) this.#options.tally.emit({ type: 'resumed', path: offer.path, bytes: offset, size: offer.size });
    await channel.send({ type: 'ready', id, offset, have: part.durable.length > 0 });
    if (part.durable.length > 0) await channel.sendHave(id, part.durable);
  }

  async #place(entry: OpenEntry): Promise<void> {
    const placed = this.#placing.then(() => this.#options.sink.place(entry.offer));
    this.#placing = placed.catch(() => undefined);
    this.#store(entry, await placed, null, 0);
  }

  #commitIfComplete(entry: OpenEntry, file: IncomingFile): Promise<void> {
    if (entry.committing || !this.#open.has(entry.id) || !file.isComplete()) return Promise.resolve();
    return this.#startCommit(entry, this.#commit(entry, file));
  }

  /** Resolves at once, or when another commit is over if there are many. */
  async #startCommit(entry: OpenEntry, work: Promise<void>): Promise<void> {
    const { watch } = this.#options;
    entry.committing = true;
    watch.commitStarted();
    const done = this.#run(entry, work).finally(() => {
      this.#commits.delete(done);
      watch.commitEnded();
    });
    this.#commits.add(done);
    watch.enter('disk');
    if (this.#commits.size >= MAX_COMMITS) await Promise.race(this.#commits);
    watch.enter('cpu');
  }

  async #commit(entry: OpenEntry, file: IncomingFile): Promise<void> {
    const placed = await file.commit();
    this.#store(entry, placed, file.digest(), file.bytes());
  }

  async #compare(entry: OpenEntry, present: PresentFile, end: FileEnd): Promise<void> {
    const mayGoOn = () => {
      if (this.#abandoned) throw this.#abandoned;
      this.#options.onWork?.();
    };
    if (await isSameFile(present, end, mayGoOn)) return this.#store(entry, present, end.digest, end.size, true);
    if (!present.receiveBeside)
      throw new FtxError('exists', `${entry.offer.path} is there already with other content, and is kept.`);
    entry.committing = false;
    return this.#startReceiving(entry, await present.receiveBeside());
  }

  #store(entry: OpenEntry, { as }: Placed, digest: string | null, size: number, already = false): void {
    const {
      channel,
      tally,
      watch,
      sink: { isDurable: durable },
    } = this.#options;
    if (!this.#open.delete(entry.id)) return;
    const shares = size >= BLOCK_BYTES ? watch.total() : undefined;
    channel.send({ type: 'stored', id: entry.id, as, already, durable, shares }).catch(() => undefined);
    const { path } = entry.offer;
    tally.emit({ type: 'stored', path, as, size, digest, already, durable, seconds: secondsSince(entry.started) });
  }

  #showProgress({ offer }: OpenEntry, file: IncomingFile): void {
    const { path, size } = offer;
    this.#options.tally.emit({ type: 'progress', path, bytes: file.bytes(), size, total: null });
  }

  /** A block that stays damaged ends its entry; any other failure here ends the session. */
  async #guard<T>(entry: OpenEntry, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof FtxError) || error.code !== 'checksum') throw error;
      this.#close(entry, error);
      return undefined;
    }
  }

  #run(entry: OpenEntry, work: Promise<void>): Promise<void> {
    const done = work
      .catch((error: unknown) => this.#close(entry, toFtxError(error)))
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
    return done;
  }

  /** The entry ends here without being stored: the sender is told, what has arrived is removed, and then the user is told. */
  #close(entry: OpenEntry, { code, message }: FtxError, keep = isResumable(code, 'receiver')): void {
    if (!this.#open.delete(entry.id)) return;
    const { channel, tally } = this.#options;
    const refused = isRefusal(code);
    const type = refused && !entry.target ? 'refused' : 'error';
    channel.send({ type, id: entry.id, code, message }).catch(() => undefined);
    const { target, opening } = entry;
    const over = target && 'giveUp' in target ? target.giveUp(keep) : target ? undefined : opening;
    const tell = () => tally.emit({ type: refused ? 'refused' : 'failed', path: entry.offer.path, code, message });
    void this.#run(entry, Promise.resolve(over).then(tell, tell));
  }
}

function refuseEnd(): FtxError {
  return new FtxError('protocol', 'The peer ended a file twice, or at another size than it announced and sent.');
}
