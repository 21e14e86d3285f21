/**
 * The packs of one session: what a pack brings is stored together, and what cannot be goes the way of single files.
 *
 * Files that are stored together are in no other list: they are told of when the sink has stored them. A file that is
 * left over becomes an entry with its content (`whole`), and waits for its turn.
 */
import { abortReason, toFtxError, FtxError } from '../../core/errors.js';
import type { Placed, WholeFile } from '../../core/sink.js';
import { sayAndDestroy } from '../../protocol/channel.js';
import type { PackMessage } from '../../protocol/messages.js';
import type { BlockPool } from './block-pool.js';
import type { EndingOptions, EntryEndings } from './entry-endings.js';
import type { IncomingEntryIn } from './incoming-entry.js';
import type { IncomingFiles } from './incoming-files.js';
import type { OpenEntries } from './open-entries.js';
import type { Openings } from './openings.js';
import { PackIntake } from './pack-intake.js';

/** Files of one session that are brought singly at the same time; each holds descriptors. */
const MAX_SINGLES = 16;

type Queued = IncomingEntryIn<'queued'>;
type Answer = Placed | FtxError | 'singly';

/** Files that were in memory together: how many of them are left, and what to call when none is. */
interface Portion {
  left: number;
  readonly resolve: () => void;
}

export interface IncomingPacksOptions extends EndingOptions {
  readonly pool: BlockPool;
  readonly open: OpenEntries;
  readonly openings: Openings;
  readonly endings: EntryEndings;
  readonly files: IncomingFiles;
  /** Aborted when the session is over: what is not being stored is given up. */
  readonly closing: AbortSignal;
}

export class IncomingPacks {
  readonly #options: IncomingPacksOptions;
  readonly #intake: PackIntake;
  /** Files that are left over, in the order in which they came. A file that waits is here, and in no promise. */
  readonly #queue: { readonly entry: Queued; readonly portion: Portion }[] = [];
  #singles = 0;
  /** By path: the file that came last of those that are brought singly. */
  readonly #lastOf = new Map<string, Promise<void>>();

  constructor(options: IncomingPacksOptions) {
    const { channel, pool, watch, openings } = options;
    this.#options = options;
    this.#intake = new PackIntake({ channel, pool, watch, vouch: (pin) => openings.vouch(pin) });
  }

  /** Takes a pack in. Resolves when the next frame may be read. Throws what ends the session. */
  async receive(head: PackMessage): Promise<void> {
    const { channel, open, endings } = this.#options;
    open.claimPack(head);
    const work: Promise<void>[] = [];
    try {
      const again = await this.#intake.take(head, (id, files) => {
        const stored = this.#store(id, files);
        work.push(stored);
        return endings.run(head.id, stored);
      });
      if (again !== undefined) await channel.send({ type: 'again', id: again, offset: 0 });
    } catch (error) {
      open.breakOff();
      throw error;
    }
    const answered = Promise.all(work).then(() => this.#answer(head));
    void endings.run(
      head.id,
      answered.catch((error: unknown) => this.#breakOff(toFtxError(error))),
    );
  }

  /** What is not known to be stored must not be told to be. */
  #breakOff(error: FtxError): void {
    this.#options.open.breakOff();
    sayAndDestroy(this.#options.channel, error);
  }

  #answer({ id }: PackMessage): void {
    const { channel, open, sink, watch } = this.#options;
    open.endPack(id);
    const shares = watch.total();
    channel.send({ type: 'packed', id, durable: sink.isDurable, shares }).catch(() => undefined);
  }

  /** Stores files that are in memory, and tells of each. `id` is that of the first file. */
  async #store(id: number, files: readonly WholeFile[]): Promise<void> {
    const { tally, watch } = this.#options;
    const startedAt = performance.now();
    for (const { offer } of files)
      tally.emit({ type: 'offered', path: offer.path, kind: offer.kind, size: offer.size });
    watch.commitStarted();
    try {
      const left = await this.#storeTogether(id, files, startedAt);
      for (const entry of left) this.#options.open.set(entry);
      await this.#bringAll(left);
    } finally {
      watch.commitEnded();
    }
  }

  /** Resolves with the files that are to be brought singly. */
  async #storeTogether(first: number, files: readonly WholeFile[], startedAt: number): Promise<readonly Queued[]> {
    const { open, endings, onUse } = this.#options;
    const answers = await this.#askSink(first, files);
    const left: Queued[] = [];
    let stored = 0;
    for (const [number, whole] of files.entries()) {
      const offered = { id: first + number, offer: whole.offer, startedAt };
      const answer = answers[number] ?? 'singly';
      if (answer === 'singly') left.push({ ...offered, state: 'queued', whole });
      else if (answer instanceof FtxError) {
        open.set({ ...offered, state: 'queued', whole });
        endings.fail(offered.id, answer);
      } else {
        stored += 1;
        endings.noteStored(offered, whole, answer);
      }
    }
    if (stored > 0) onUse();
    return left;
  }

  /**
   * The answers of the sink, by the number of the file. A file that another session of the sender has is left out: what
   * becomes of it there decides, also where a program takes it away at once.
   */
  async #askSink(first: number, files: readonly WholeFile[]): Promise<readonly (Answer | undefined)[]> {
    const { sink, closing, openings } = this.#options;
    if (!sink.storeTogether) return [];
    const claimed: { readonly number: number; readonly file: WholeFile }[] = [];
    for (const [number, file] of files.entries())
      if (openings.claim(first + number, file.offer)) claimed.push({ number, file });
    try {
      const given = await sink.storeTogether(
        claimed.map(({ file }) => file),
        closing,
      );
      const answers: (Answer | undefined)[] = [];
      for (const [at, { number }] of claimed.entries()) answers[number] = given[at];
      return answers;
    } finally {
      for (const { number } of claimed) openings.end(first + number);
    }
  }

  /** Resolves when all of them have come to their end. Never rejects. */
  #bringAll(left: readonly Queued[]): Promise<void> {
    if (left.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const portion = { left: left.length, resolve };
      for (const entry of left) this.#queue.push({ entry, portion });
      while (this.#singles < MAX_SINGLES && this.#queue.length > 0) void this.#bringQueued();
    });
  }

  async #bringQueued(): Promise<void> {
    this.#singles += 1;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      await this.#bring(next.entry);
      next.portion.left -= 1;
      if (next.portion.left === 0) next.portion.resolve();
    }
    this.#singles -= 1;
  }

  /** Files of one path are brought one after the other. Never rejects. */
  #bring(entry: Queued): Promise<void> {
    const { path } = entry.offer;
    const before = this.#lastOf.get(path) ?? Promise.resolve();
    const brought = before
      .then(() => this.#bringNext(entry))
      .finally(() => {
        if (this.#lastOf.get(path) === brought) this.#lastOf.delete(path);
      });
    this.#lastOf.set(path, brought);
    return brought;
  }

  async #bringNext(entry: Queued): Promise<void> {
    const { channel, open, endings, files, closing } = this.#options;
    // Answers must not pile up before a sender that reads none.
    await channel.drain().catch(() => undefined);
    // An entry that has failed already is not told of again.
    if (closing.aborted) return endings.fail(entry.id, abortReason(closing));
    const opened = files.open(entry, entry.whole.vouched.pin);
    open.set({ ...entry, state: 'opening', opened });
    await endings.run(entry.id, opened);
  }
}
