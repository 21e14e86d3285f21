/** The steps of the files of one session between the frames of the sender: they are opened, received, compared and committed. */
import { createHash, randomBytes } from 'node:crypto';
import { BLOCK_BYTES } from '../../core/entry.js';
import { abortReason, FtxError } from '../../core/errors.js';
import type { PartFile, PresentFile, WholeFile } from '../../core/sink.js';
import { NONCE_BYTES } from '../../protocol/constants.js';
import type { Commits } from './background.js';
import { tellFailed, tellFollow, type EndingOptions, type EntryEndings } from './entry-endings.js';
import type { IncomingEntryIn, Offered } from './incoming-entry.js';
import { createIncomingFile, type FileEnd } from './incoming-file.js';
import type { OpenEntries } from './open-entries.js';
import type { Openings } from './openings.js';
import type { Proofs } from './proof.js';
import { supersededError } from './take-over.js';

export interface IncomingFilesOptions extends Pick<EndingOptions, 'channel' | 'tally' | 'onUse'> {
  readonly open: OpenEntries;
  readonly openings: Openings;
  readonly endings: EntryEndings;
  readonly commits: Commits;
  readonly proofs: Proofs;
  /** Aborted when the session is over. */
  readonly closing: AbortSignal;
}

/** A step that rejects ends its entry. */
export class IncomingFiles {
  readonly #options: IncomingFilesOptions;
  readonly #open: OpenEntries;

  constructor(options: IncomingFilesOptions) {
    this.#options = options;
    this.#open = options.open;
  }

  /**
   * Opens an offered file, and asks the sender for its content. A file of a pack goes all the way: its content is here.
   * `pin` is that of the offer.
   */
  async open(offered: Offered, pin: string | undefined): Promise<void> {
    const { id, offer, whole } = offered;
    const { openings, endings } = this.#options;
    const isOpen = () => this.#open.has(id);
    const target = await openings.open(offered, { pin, isOpen, giveWay: () => this.#giveWay(id) });
    if (target?.state === 'part') return this.#startReceiving(offered, target);
    if (!target || !isOpen()) return;
    if (target.state === 'delivered')
      return endings.store(offered, { ...target, size: offer.size ?? 0, already: true, isUnasked: true });
    // A proof writes nothing, so several sessions may bring one at the same time.
    openings.end(id);
    return whole ? this.#compareWhole(offered, whole, target) : this.#askForProof(offered, target);
  }

  /** Commits a file once nothing of it is missing. Resolves when the next frame may be read: commits do not pile up. */
  async commitIfComplete(entry: IncomingEntryIn<'receiving'>): Promise<void> {
    const { channel, commits, endings } = this.#options;
    for (const offset of entry.file.takeWrong()) await channel.send({ type: 'again', id: entry.id, offset });
    if (!this.#open.isCurrent(entry) || !entry.file.isComplete()) return;
    const committing = { ...entry, state: 'committing' } as const;
    this.#open.set(committing);
    return commits.start(endings.run(entry.id, this.#commit(committing)));
  }

  /** Throws FtxError `exists` if the file that is there is another one and the offered one may not stand beside it. */
  async compare(entry: IncomingEntryIn<'comparing'>, end: FileEnd): Promise<void> {
    const { present, offer, nonce } = entry;
    const { proofs, endings, openings, closing } = this.#options;
    if (await proofs.hasSameContent(present, { ...end, nonce })) {
      present.accept(end.digest);
      return endings.store(entry, { as: present.as, digest: end.digest, size: end.size, already: true });
    }
    if (!present.receiveBeside)
      throw new FtxError('exists', `${offer.path} is there already with other content, and is kept.`);
    await openings.takeSlot(entry.id);
    const part = await present.receiveBeside();
    if (!closing.aborted) return this.#startReceiving(entry, part);
    await part.suspend();
    throw abortReason(closing);
  }

  /** A newer session of this sender has offered the file. What is compared or committed already goes on. */
  #giveWay(id: number): boolean {
    const state = this.#open.stateOf(id);
    if (state !== 'opening' && state !== 'receiving') return false;
    const { endings, openings } = this.#options;
    endings.fail(id, supersededError(), true, openings.canFollow ? tellFollow : tellFailed);
    return true;
  }

  async #askForProof(offered: Offered, present: PresentFile): Promise<void> {
    const { channel, openings } = this.#options;
    const nonce = openings.canProve ? randomBytes(NONCE_BYTES) : undefined;
    this.#open.set({ ...offered, state: 'present', present, nonce });
    const message = { type: 'ready', id: offered.id, offset: offered.offer.size ?? 0, have: false } as const;
    return channel.send({ ...message, nonce: nonce?.toString('hex') });
  }

  /** The receiver proves to itself what the sender of a pack has sent. */
  async #compareWhole(offered: Offered, { content, digest }: WholeFile, present: PresentFile): Promise<void> {
    const nonce = randomBytes(NONCE_BYTES);
    const proof = createHash('sha256').update(nonce).update(content).digest('hex');
    const comparing: IncomingEntryIn<'comparing'> = { ...offered, state: 'comparing', present, nonce };
    this.#open.set(comparing);
    return this.compare(comparing, { digest, size: content.length, proof });
  }

  /** The entry may have come to its end while the sink opened its file. */
  async #startReceiving(entry: Offered, part: PartFile): Promise<void> {
    const { id, offer, startedAt, whole } = entry;
    const { channel, tally, openings, endings } = this.#options;
    if (!this.#open.has(id)) {
      await part.suspend();
      return;
    }
    if (whole) return this.#commitWhole({ id, offer, startedAt, whole }, whole, part);
    const file = createIncomingFile(part, offer.size, (error) => endings.fail(id, error));
    const receiving = { id, offer, startedAt, state: 'receiving', file } as const;
    this.#open.set(receiving);
    openings.noteMoved(id);
    const offset = Math.min(part.durable.length * BLOCK_BYTES, offer.size ?? 0);
    if (offset > 0) tally.emit({ type: 'resumed', path: offer.path, bytes: offset, size: offer.size });
    await channel.send({ type: 'ready', id, offset, have: part.durable.length > 0 });
    if (part.durable.length === 0) return;
    await channel.sendHave(id, part.durable);
    void endings.run(id, this.#recheck(receiving));
  }

  /** All of a file of a pack is here, so the file is committed at once. */
  async #commitWhole(offered: Offered, { content, digest }: WholeFile, part: PartFile): Promise<void> {
    const { id } = offered;
    const { endings } = this.#options;
    const size = content.length;
    const file = createIncomingFile(part, size, (error) => endings.fail(id, error));
    const committing = { ...offered, state: 'committing', file } as const;
    this.#open.set(committing);
    const block = { type: 'data', id, offset: 0, length: size, digest: BigInt(`0x${digest}`) } as const;
    if (size > 0) file.arrive(block, { bytes: content, release: () => undefined });
    file.end({ digest, size });
    return this.#commit(committing);
  }

  /** Reads again what an earlier session has left, if need be. To read is to work and to move. */
  async #recheck(entry: IncomingEntryIn<'receiving'>): Promise<void> {
    await entry.file.recheck(
      () => this.#open.isCurrent(entry),
      () => {
        this.#options.openings.noteMoved(entry.id);
        this.#options.onUse();
      },
    );
    return this.commitIfComplete(entry);
  }

  async #commit({ file, ...offered }: IncomingEntryIn<'committing'>): Promise<void> {
    const { as, already = false } = await file.commit();
    this.#options.endings.store(offered, { as, digest: file.digest(), size: file.bytes(), already });
  }
}
