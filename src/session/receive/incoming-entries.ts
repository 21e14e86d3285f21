/** The entries of one session on their way into its sink: PROTOCOL.md section 5, from offer to stored. */
import { randomBytes } from 'node:crypto';
import type { Bringer } from '../../core/inbox.js';
import { abortReason, FtxError, isResumable } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import type { PartFile } from '../../core/sink.js';
import type { SessionSlots } from '../../core/slots.js';
import { NONCE_BYTES } from '../../protocol/constants.js';
import type { DataMessage, Hello, OfferMessage, ZerosMessage } from '../../protocol/messages.js';
import { createCommits, type Commits } from './background.js';
import { BlockIntake } from './block-intake.js';
import type { BlockPool } from './block-pool.js';
import { EntryEndings, tellFailed, tellFollow, tellProgress, type EndingOptions } from './entry-endings.js';
import type { IncomingEntryIn, Offered } from './incoming-entry.js';
import { createIncomingFile, endError, type FileEnd, type IncomingFile } from './incoming-file.js';
import { OpenEntries } from './open-entries.js';
import { createOpenings, type Openings } from './openings.js';
import { createProofs, type Proofs } from './proof.js';
import { supersededError } from './take-over.js';

export interface IncomingEntriesOptions extends EndingOptions {
  readonly pool: BlockPool;
  /** Entries that may be open at once. */
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
  /** Directories and links are made one after the other, as they were offered. */
  #placing: Promise<unknown> = Promise.resolve();
  readonly #openings: Openings;
  readonly #proofs: Proofs;
  /** Aborted when the session is over: the sink need not wait any more, nor are files compared to their end. */
  readonly #closing = new AbortController();

  constructor(options: IncomingEntriesOptions) {
    this.#options = options;
    this.#open = new OpenEntries(options.maxOpen);
    this.#intake = new BlockIntake(options.channel, options.pool, options.watch, options.onUse);
    this.#commits = createCommits(options.watch);
    const { host } = options.channel.address;
    this.#proofs = createProofs({ bringer: options.bringer, host, onBlock: () => this.#noteReading() });
    this.#openings = createOpenings({ ...options, proofs: this.#proofs, signal: this.#closing.signal });
    this.#endings = new EntryEndings(options, this.#open, this.#openings);
  }

  /** Notes what the sender has said that it can do. */
  takeHello(hello: Hello): void {
    this.#openings.takeHello(hello);
  }

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
    const opened = offer.kind === 'file' ? this.#openFile(offered, pin) : this.#place(offered);
    this.#open.set({ ...offered, state: 'opening', opened });
    void this.#endings.run(id, opened);
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
    return this.#commitIfComplete(entry);
  }

  async receiveEnd(id: number, end: FileEnd): Promise<void> {
    const entry = this.#open.find(id);
    if (!entry) return;
    if (end.size !== (entry.offer.size ?? end.size)) throw endError();
    switch (entry.state) {
      case 'receiving':
        entry.file.end(end);
        return this.#commitIfComplete(entry);
      case 'present': {
        const comparing: IncomingEntryIn<'comparing'> = { ...entry, state: 'comparing' };
        this.#open.set(comparing);
        return this.#commits.start(this.#endings.run(id, this.#compare(comparing, end)));
      }
      default:
        throw endError();
    }
  }

  /** The sender gives an entry up. A file that is compared or committed no longer depends on the sender. */
  receiveError(id: number, error: FtxError): void {
    const state = this.#open.find(id)?.state;
    if (state === 'receiving' || state === 'present') this.#endings.fail(id, error, isResumable(error.code, 'sender'));
  }

  /** Resolves when everything that was begun is over. */
  whenIdle(): Promise<void> {
    return this.#endings.whenIdle();
  }

  /** Ends all entries for this reason but those that are being committed, and waits for these. */
  async close(error: FtxError): Promise<void> {
    this.#closing.abort(error);
    for (const { id, state } of this.#open.list())
      if (state !== 'comparing' && state !== 'committing') this.#endings.fail(id, error);
    await this.whenIdle();
  }

  async #openFile(offered: Offered, pin: string | undefined): Promise<void> {
    const { id, offer } = offered;
    const isOpen = () => this.#open.has(id);
    const target = await this.#openings.open(offered, { pin, isOpen, giveWay: () => this.#giveWay(id) });
    if (target?.state === 'part') return this.#startReceiving(offered, target);
    if (!target || !isOpen()) return;
    if (target.state === 'delivered')
      return this.#endings.store(offered, { ...target, size: offer.size ?? 0, already: true, isUnasked: true });
    const nonce = this.#openings.canProve ? randomBytes(NONCE_BYTES) : undefined;
    this.#open.set({ ...offered, state: 'present', present: target, nonce });
    // A proof writes nothing, so several sessions may bring one at the same time.
    this.#openings.end(id);
    const message = { type: 'ready', id, offset: offer.size ?? 0, have: false } as const;
    return this.#options.channel.send({ ...message, nonce: nonce?.toString('hex') });
  }

  /** A newer session of this sender has offered the file. What is compared or committed already goes on. */
  #giveWay(id: number): boolean {
    const state = this.#open.stateOf(id);
    if (state !== 'opening' && state !== 'receiving') return false;
    this.#endings.fail(id, supersededError(), true, this.#openings.canFollow ? tellFollow : tellFailed);
    return true;
  }

  /** The entry may have come to its end while the sink opened its file. */
  async #startReceiving({ id, offer, startedAt }: Offered, part: PartFile): Promise<void> {
    const { channel, tally } = this.#options;
    if (!this.#open.has(id)) {
      await part.suspend();
      return;
    }
    const file = createIncomingFile(part, offer.size, (error) => this.#endings.fail(id, error));
    const receiving = { id, offer, startedAt, state: 'receiving', file } as const;
    this.#open.set(receiving);
    this.#openings.noteMoved(id);
    const offset = Math.min(part.durable.length * BLOCK_BYTES, offer.size ?? 0);
    if (offset > 0) tally.emit({ type: 'resumed', path: offer.path, bytes: offset, size: offer.size });
    await channel.send({ type: 'ready', id, offset, have: part.durable.length > 0 });
    if (part.durable.length === 0) return;
    await channel.sendHave(id, part.durable);
    void this.#endings.run(id, this.#recheck(receiving));
  }

  /** Reads again what an earlier session has left, if need be. To read is to work and to move. */
  async #recheck(entry: IncomingEntryIn<'receiving'>): Promise<void> {
    await entry.file.recheck(
      () => this.#open.isCurrent(entry),
      () => {
        this.#openings.noteMoved(entry.id);
        this.#options.onUse();
      },
    );
    return this.#commitIfComplete(entry);
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

  /** Resolves when the next frame may be read: commits do not pile up. */
  async #commitIfComplete(entry: IncomingEntryIn<'receiving'>): Promise<void> {
    for (const offset of entry.file.takeWrong())
      await this.#options.channel.send({ type: 'again', id: entry.id, offset });
    if (!this.#open.isCurrent(entry) || !entry.file.isComplete()) return;
    this.#open.set({ ...entry, state: 'committing' });
    return this.#commits.start(this.#endings.run(entry.id, this.#commit(entry)));
  }

  async #commit({ file, ...offered }: IncomingEntryIn<'receiving'>): Promise<void> {
    const { as, already = false } = await file.commit();
    this.#endings.store(offered, { as, digest: file.digest(), size: file.bytes(), already });
  }

  /** Throws FtxError `exists` if the file that is there is another one and the offered one may not stand beside it. */
  async #compare(entry: IncomingEntryIn<'comparing'>, end: FileEnd): Promise<void> {
    const { present, offer, nonce } = entry;
    if (await this.#proofs.hasSameContent(present, { ...end, nonce })) {
      present.accept(end.digest);
      return this.#endings.store(entry, { as: present.as, digest: end.digest, size: end.size, already: true });
    }
    if (!present.receiveBeside)
      throw new FtxError('exists', `${offer.path} is there already with other content, and is kept.`);
    await this.#openings.takeSlot(entry.id);
    const part = await present.receiveBeside();
    if (!this.#closing.signal.aborted) return this.#startReceiving(entry, part);
    await part.suspend();
    throw abortReason(this.#closing.signal);
  }

  /** A file is read for its sender: the sender is at work, and need not be served once it is gone. */
  #noteReading(): void {
    this.#closing.signal.throwIfAborted();
    this.#options.onUse();
  }
}
