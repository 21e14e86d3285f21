/** The list of all entries that a sender is going to offer, judged before the first offer: PROTOCOL.md section 5, check. */
import { FtxError, isRefusal, toFtxError, type ErrorCode } from '../../core/errors.js';
import { MIN_RESUMABLE_BYTES, type Entry } from '../../core/entry.js';
import type { Outlook, Plan, Sink } from '../../core/sink.js';
import type { Channel } from '../../protocol/channel.js';
import { MAX_CONTROL_BYTES, MAX_PACK_CONTENT_BYTES, PACKS_CAPABILITY } from '../../protocol/constants.js';
import { encodeItem, measureItem, type Verdict } from '../../protocol/item-json.js';
import type { CheckMessage, Hello } from '../../protocol/messages.js';
import type { Tally } from '../tally.js';

/** Bytes of a frame that are not verdicts, at most. */
const FRAME_BYTES = 200;

/** Codes of what the receiver does not take as a whole. */
const TOO_MUCH: Readonly<Partial<Record<ErrorCode, true>>> = { 'no-space': true, 'too-many': true };

/** One entry of a `check`. */
interface Listed {
  readonly index: number;
  readonly entry: Entry;
  readonly pin: string | undefined;
}

/** Methods throw the failure that ends the session. */
export class IncomingList {
  readonly #channel: Channel;
  readonly #sink: Sink;
  readonly #tally: Tally;
  #hello: Hello | undefined;
  #plan: Plan | undefined;
  #isOver = false;
  #entries = 0;
  #bytes = 0;
  /** What a dry run was answered in place of a verdict about the whole. */
  #answer: unknown;

  constructor(channel: Channel, sink: Sink, tally: Tally) {
    this.#channel = channel;
    this.#sink = sink;
    this.#tally = tally;
  }

  /** Notes what the sender has said that it can do. */
  takeHello(hello: Hello): void {
    this.#hello = hello;
  }

  /** Judges the entries of one `check`, and sends the verdicts. */
  async take(message: CheckMessage): Promise<void> {
    try {
      await this.#take(message);
    } catch (error) {
      if (message.dryRun && error instanceof FtxError && TOO_MUCH[error.code]) this.#noteAnswer(error);
      throw error;
    }
  }

  /** Whether the error is no failure, but what a dry run has asked for: there is no room, or these are too many. */
  isAnswer(error: unknown): boolean {
    return error !== undefined && error === this.#answer;
  }

  #noteAnswer(error: FtxError): void {
    this.#answer = error;
    const [entries, bytes] = [this.#entries, this.#bytes];
    this.#tally.emit({ type: 'checked', entries, bytes, dryRun: true, needed: null, free: null });
  }

  async #take({ entries, pins, last, dryRun }: CheckMessage): Promise<void> {
    if (this.#isOver) throw new FtxError('protocol', 'The peer sent a list after another one, or after offers.');
    const plan = (this.#plan ??= this.#sink.plan(dryRun));
    const verdicts: Verdict[] = [];
    for (const [index, entry] of entries.entries()) {
      const verdict = await this.#judge(plan, { index, entry, pin: pins?.[index] }, dryRun);
      if (verdict) verdicts.push(verdict);
    }
    await (last ? this.#end(plan, verdicts, dryRun) : this.#sendVerdicts(verdicts, { end: true }));
  }

  /** The sender offers now: no list may come any more. Throws FtxError `protocol` in the middle of a list. */
  assertOver(): void {
    if (this.#plan && !this.#isOver) throw new FtxError('protocol', 'The peer did not finish its list.');
    this.#isOver = true;
  }

  /** Releases what the sink keeps for the list. */
  close(): void {
    this.#plan?.close();
  }

  /**
   * The verdict about one entry; undefined if nothing needs saying. A failure that
   * is no refusal is left out too, because it may be over when the entry is offered.
   */
  async #judge(plan: Plan, { index, entry, pin }: Listed, dryRun: boolean): Promise<Verdict | undefined> {
    this.#entries += 1;
    this.#bytes += entry.size ?? 0;
    try {
      const outlook = await plan.add(entry, { canProve: false, pin, transfer: this.#hello?.transfer });
      if (dryRun) return outlook.fate !== 'new' || outlook.offset > 0 ? { index, ...outlook } : undefined;
      return this.#tellThere(index, entry, outlook);
    } catch (error) {
      const { code, message } = toFtxError(error);
      if (code === 'too-many') throw error;
      if (!isRefusal(code) && !dryRun) return undefined;
      if (!dryRun) this.#report(entry, { code, message });
      return { index, fate: 'refused', code, message };
    }
  }

  /**
   * What a sender of packs hears of a file that is there already: that it has come to its end, or, of one that would come
   * in a pack with its content, that it is to be offered by itself.
   */
  #tellThere(index: number, { path, kind, size }: Entry, outlook: Outlook): Verdict | undefined {
    const { fate, as = path, digest } = outlook;
    if (!this.#hello?.capabilities.includes(PACKS_CAPABILITY) || fate !== 'already' || kind !== 'file')
      return undefined;
    if (size === null || size >= MIN_RESUMABLE_BYTES) return undefined;
    if (digest === undefined) return size <= MAX_PACK_CONTENT_BYTES ? { index, fate, offset: 0 } : undefined;
    const durable = this.#sink.isDurable;
    this.#tally.emit({ type: 'offered', path, kind, size });
    this.#tally.emit({ type: 'stored', path, as, size, digest, already: true, durable, seconds: 0 });
    return { index, fate, offset: 0, digest, durable, ...(as !== path && { as }) };
  }

  /** Reports a refused entry to the user as if it had been offered, because the sender will leave it out. */
  #report({ path, kind, size }: Entry, { code, message }: Pick<FtxError, 'code' | 'message'>): void {
    this.#tally.emit({ type: 'offered', path, kind, size });
    this.#tally.emit({ type: 'refused', path, code, message });
  }

  /** Answers the last `check`. The sender hears of the refusals even when there is no space for the rest. */
  async #end(plan: Plan, verdicts: Verdict[], dryRun: boolean): Promise<void> {
    this.#isOver = true;
    const room = await plan.total().catch((error: unknown) => toFtxError(error));
    if (room instanceof FtxError) {
      await this.#sendVerdicts(verdicts, { end: true });
      throw room;
    }
    await this.#sendVerdicts(verdicts, { end: true, room });
    this.#tally.emit({ type: 'checked', entries: this.#entries, bytes: this.#bytes, dryRun, ...room });
  }

  /** Sends the verdicts in as many frames as they need; only the last frame carries `end`. */
  async #sendVerdicts(
    verdicts: readonly Verdict[],
    end: { end: true; room?: Awaited<ReturnType<Plan['total']>> },
  ): Promise<void> {
    let batch: Verdict[] = [];
    let bytes = FRAME_BYTES;
    for (const verdict of verdicts) {
      const size = measureItem(encodeItem(verdict));
      if (bytes + size > MAX_CONTROL_BYTES) {
        await this.#channel.send({ type: 'checked', id: 0, verdicts: batch, end: false });
        [batch, bytes] = [[], FRAME_BYTES];
      }
      batch.push(verdict);
      bytes += size;
    }
    await this.#channel.send({ type: 'checked', id: 0, verdicts: batch, ...end });
  }
}
