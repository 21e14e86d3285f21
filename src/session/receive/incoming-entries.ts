/** The entries of one session on their way into its sink: PROTOCOL.md section 5, from offer to stored. */
import type { Bringer } from '../../core/inbox.js';
import { FtxError, isResumable } from '../../core/errors.js';
import type { SessionSlots } from '../../core/slots.js';
import type { DataMessage, Hello, OfferMessage, PackMessage, ZerosMessage } from '../../protocol/messages.js';
import { createCommits, type Commits } from './background.js';
import { BlockIntake } from './block-intake.js';
import type { BlockPool } from './block-pool.js';
import { EntryEndings, tellProgress, type EndingOptions } from './entry-endings.js';
import type { IncomingEntryIn, Offered } from './incoming-entry.js';
import { endError, type FileEnd, type IncomingFile } from './incoming-file.js';
import { IncomingFiles } from './incoming-files.js';
import { IncomingPacks } from './incoming-packs.js';
import { OpenEntries } from './open-entries.js';
import { createOpenings, type Openings } from './openings.js';
import { createProofs } from './proof.js';

export interface IncomingEntriesOptions extends EndingOptions {
  readonly pool: BlockPool;
  /** Entries that may be open at once. A pack counts as one. */
  readonly maxOpen: number;
  /** Whoever sends. The same sender takes over what an older session of it has not finished. */
  readonly bringer: Bringer;
  /** Entries that are opened take one each. */
  readonly slots: SessionSlots;
}

/**
 * Takes the frames of a sender one after the other. A method throws what ends
 * the session. A failure of one entry ends that entry, and the sender is told.
 */
export class IncomingEntries {
  readonly #options: IncomingEntriesOptions;
  readonly #intake: BlockIntake;
  readonly #open: OpenEntries;
  readonly #endings: EntryEndings;
  readonly #commits: Commits;
  readonly #files: IncomingFiles;
  readonly #packs: IncomingPacks;
  /** Directories and links are made one after the other, as they were offered. */
  #placing: Promise<unknown> = Promise.resolve();
  readonly #openings: Openings;
  /** Aborted when the session is over: the sink need not wait any more, nor are files compared to their end. */
  readonly #closing = new AbortController();

  constructor(options: IncomingEntriesOptions) {
    const closing = this.#closing.signal;
    this.#options = options;
    this.#open = new OpenEntries(options.maxOpen);
    this.#intake = new BlockIntake(options.channel, options.pool, options.watch, options.onUse);
    this.#commits = createCommits(options.watch);
    const { host } = options.channel.address;
    const proofs = createProofs({ bringer: options.bringer, host, onBlock: () => this.#noteReading() });
    this.#openings = createOpenings({ ...options, proofs, signal: closing });
    this.#endings = new EntryEndings(options, this.#open, this.#openings);
    const shared = { ...options, open: this.#open, openings: this.#openings, endings: this.#endings, closing };
    this.#files = new IncomingFiles({ ...shared, commits: this.#commits, proofs });
    this.#packs = new IncomingPacks({ ...shared, files: this.#files });
  }

  /** Notes what the sender has said that it can do. */
  takeHello(hello: Hello): void {
    this.#openings.takeHello(hello);
  }

  /** Entries and packs. */
  get openCount(): number {
    return this.#open.count;
  }

  /** performance.now() when an entry last came to its end. */
  get endedAt(): number {
    return this.#open.endedAt;
  }

  receiveOffer({ id, entry: offer, pin }: OfferMessage): void {
    if (this.#endings.excess) throw this.#endings.excess;
    this.#open.claim(id);
    const offered: Offered = { id, offer, startedAt: performance.now() };
    this.#options.tally.emit({ type: 'offered', path: offer.path, kind: offer.kind, size: offer.size });
    const opened = offer.kind === 'file' ? this.#files.open(offered, pin) : this.#place(offered);
    this.#open.set({ ...offered, state: 'opening', opened });
    void this.#endings.run(id, opened);
  }

  /** Resolves when the next frame may be read: the pack may still have to be stored. */
  async receivePack(head: PackMessage): Promise<void> {
    if (this.#endings.excess) throw this.#endings.excess;
    return this.#packs.receive(head);
  }

  async receiveBlock(head: DataMessage | ZerosMessage): Promise<void> {
    const { channel } = this.#options;
    const entry = this.#open.find(head.id);
    if (!entry) return head.type === 'data' ? channel.skipContent(head.length) : undefined;
    if (entry.state !== 'receiving') throw new FtxError('protocol', 'The peer sent data that was not asked for.');
    const verdict = await this.#takeBlock(head, entry.file);
    if (verdict === 'again') await channel.send({ type: 'again', id: head.id, offset: head.offset });
    if (verdict === 'keep') {
      this.#openings.noteMoved(head.id);
      tellProgress(this.#options.tally, entry);
    }
    return this.#files.commitIfComplete(entry);
  }

  async receiveEnd(id: number, end: FileEnd): Promise<void> {
    const entry = this.#open.find(id);
    if (!entry) return;
    if (end.size !== (entry.offer.size ?? end.size)) throw endError();
    switch (entry.state) {
      case 'receiving':
        entry.file.end(end);
        return this.#files.commitIfComplete(entry);
      case 'present': {
        const comparing: IncomingEntryIn<'comparing'> = { ...entry, state: 'comparing' };
        this.#open.set(comparing);
        return this.#commits.start(this.#endings.run(id, this.#files.compare(comparing, end)));
      }
      default:
        throw endError();
    }
  }

  /** The sender gives an entry up. A file that is compared or committed, or came in a pack, no longer depends on the sender. */
  receiveError(id: number, error: FtxError): void {
    const state = this.#open.isInPack(id) ? undefined : this.#open.find(id)?.state;
    if (state === 'receiving' || state === 'present') this.#endings.fail(id, error, isResumable(error.code, 'sender'));
  }

  /** Resolves when everything that was begun is over. */
  whenIdle(): Promise<void> {
    return this.#endings.whenIdle();
  }

  /** Ends all entries for this reason but those that are being committed or stored together, and waits for these. */
  async close(error: FtxError): Promise<void> {
    this.#closing.abort(error);
    for (const { id, state } of this.#open.list())
      if (state !== 'comparing' && state !== 'committing') this.#endings.fail(id, error);
    await this.whenIdle();
  }

  async #place(offered: Offered): Promise<void> {
    const placed = this.#placing.then(() => this.#openings.place(offered));
    this.#placing = placed.catch(() => undefined);
    const { as, already = false } = await placed;
    this.#endings.store(offered, { as, digest: null, size: 0, already });
  }

  /** Undefined if the entry has ended: a block that stays damaged ends its entry, any other failure the session. */
  async #takeBlock(head: DataMessage | ZerosMessage, file: IncomingFile): Promise<'keep' | 'again' | undefined> {
    try {
      if (head.type === 'zeros') return file.arriveZeros(head);
      file.assertDue(head);
      return await this.#intake.take(head, file, () => this.#open.has(head.id));
    } catch (error) {
      if (!(error instanceof FtxError) || error.code !== 'checksum') throw error;
      this.#endings.fail(head.id, error);
      return undefined;
    }
  }

  /** A file is read for its sender: the sender is at work, and need not be served once it is gone. */
  #noteReading(): void {
    this.#closing.signal.throwIfAborted();
    this.#options.onUse();
  }
}
