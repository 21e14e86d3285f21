/** Ends entries, and tells the sender and the listeners of events how far an entry is and how it has ended. */
import { FtxError, isRefusal, isResumable, toFtxError } from '../../core/errors.js';
import { formatBytes } from '../../core/bytes.js';
import { BLOCK_BYTES, MIN_RESUMABLE_BYTES } from '../../core/entry.js';
import type { Placed, Sink, WholeFile } from '../../core/sink.js';
import type { Channel } from '../../protocol/channel.js';
import type { ReceiverWatch } from '../shares.js';
import { secondsSince, type Tally } from '../tally.js';
import { createBackground } from './background.js';
import {
  closeEntry,
  hasContent,
  type IncomingEntry,
  type IncomingEntryIn,
  type Offered,
  type Stored,
} from './incoming-entry.js';
import type { OpenEntries } from './open-entries.js';
import type { Openings } from './openings.js';

export interface EndingOptions {
  readonly sink: Sink;
  readonly channel: Channel;
  readonly tally: Tally;
  readonly watch: ReceiverWatch;
  /** Called whenever something that the sender brings is accepted, and for each block that is read for it. */
  readonly onUse: () => void;
}

/** The entry is stored: the sender is told, and then the user. `isPlain`: the answer to its pack tells the sender. */
function tellStored(
  { channel, tally, watch }: EndingOptions,
  { id, offer: { path }, startedAt }: Offered,
  { as, digest, size, already, isUnasked }: Stored,
  durable: boolean,
  isPlain = false,
): void {
  const shares = size >= BLOCK_BYTES ? watch.total() : undefined;
  const told = isUnasked && digest !== null ? { digest } : {};
  if (!isPlain) channel.send({ type: 'stored', id, as, already, durable, shares, ...told }).catch(() => undefined);
  tally.emit({ type: 'stored', path, as, size, digest, already, durable, seconds: secondsSince(startedAt) });
}

/** The entry is not stored: the sender is told. Returns the function that tells the user. */
export function tellFailed(
  { channel, tally }: EndingOptions,
  { id, state, offer: { path } }: IncomingEntry,
  { code, message }: FtxError,
): () => void {
  const refused = isRefusal(code);
  const type = refused && state === 'opening' ? 'refused' : 'error';
  channel.send({ type, id, code, message }).catch(() => undefined);
  return () => tally.emit({ type: refused ? 'refused' : 'failed', path, code, message });
}

/** The sender hears of the failure at once, and the user when it is over. */
function tellAtOnce(closing: Promise<unknown>, tellUser: () => void): Promise<void> {
  return closing.then(tellUser, tellUser);
}

/** Whether the sender of a large file has to hear what has become of it: there was room for a part of it only. */
function isWorthTelling(
  entry: IncomingEntry,
  { code }: FtxError,
): entry is IncomingEntryIn<'receiving' | 'committing'> {
  return code === 'no-space' && hasContent(entry) && (entry.offer.size ?? Infinity) >= MIN_RESUMABLE_BYTES;
}

/** `kept`: bytes. More may have arrived than could be written. */
function tellFate(size: number | null, { code, message, cause }: FtxError, kept: number): FtxError {
  const much = size === null ? '' : ` of ${formatBytes(size)}`;
  const fate =
    kept > 0 ? `${formatBytes(kept)}${much} are kept; the same command goes on.` : 'What had arrived was removed.';
  return new FtxError(code, `${message} ${fate}`, { cause });
}

/** Another session of the sender goes on with the file: the sender offers it again. To the user nothing has come to an end. */
export function tellFollow({ channel }: EndingOptions, { id }: Offered, { code, message }: FtxError): () => void {
  channel.send({ type: 'error', id, code, message, follow: true }).catch(() => undefined);
  return () => undefined;
}

export function tellProgress(tally: Tally, { offer: { path, size }, file }: IncomingEntryIn<'receiving'>): void {
  tally.emit({ type: 'progress', path, bytes: file.bytes(), size, total: null });
}

/** The ends of the entries of one session, and the work at them that goes on beside the reading of frames. */
export class EntryEndings {
  readonly #options: EndingOptions;
  readonly #open: OpenEntries;
  readonly #openings: Openings;
  readonly #background = createBackground();
  #excess: FtxError | undefined;

  constructor(options: EndingOptions, open: OpenEntries, openings: Openings) {
    this.#options = options;
    this.#open = open;
    this.#openings = openings;
  }

  /** Set once an offer was one too many: the next ends the session, so that refusals do not go on without end. */
  get excess(): FtxError | undefined {
    return this.#excess;
  }

  /** The entry ends here: the sender is told, and then the user. */
  store(offered: Offered, stored: Stored): void {
    if (!this.#open.remove(offered.id)) return;
    this.#openings.end(offered.id);
    this.#options.onUse();
    tellStored(this.#options, offered, stored, this.#options.sink.isDurable);
  }

  /** A file of a pack is stored together with others, without having been open by itself. */
  noteStored(offered: Offered, { content, digest }: WholeFile, { as, already = false }: Placed): void {
    const stored = { as, digest, size: content.length, already };
    tellStored(this.#options, offered, stored, this.#options.sink.isDurable, !already && as === offered.offer.path);
  }

  /**
   * The entry ends here without being stored: the sender is told, what has arrived
   * is removed or kept for a later session, and then the user is told.
   */
  fail(id: number, error: FtxError, keep = isResumable(error.code, 'receiver'), tellSender = tellFailed): void {
    const entry = this.#open.remove(id);
    if (!entry) return;
    if (error.code === 'too-many') this.#excess = error;
    const closing = closeEntry(entry, keep);
    const ended = isWorthTelling(entry, error)
      ? closing.then((kept) => tellSender(this.#options, entry, tellFate(entry.offer.size, error, kept))())
      : tellAtOnce(closing, tellSender(this.#options, entry, error));
    void this.run(
      id,
      ended.finally(() => this.#openings.end(id)),
    );
  }

  /** `work` goes on beside the reading of frames; its failure ends the entry. The promise never rejects. */
  run(id: number, work: Promise<void>): Promise<void> {
    return this.#background.run(work, (error) => this.fail(id, toFtxError(error)));
  }

  /** Resolves when everything that was begun is over. */
  whenIdle(): Promise<void> {
    return this.#background.whenIdle();
  }
}
