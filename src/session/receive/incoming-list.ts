/** The list of all entries that a sender is going to offer, judged before the first offer: PROTOCOL.md section 5, check. */
import { FtxError, isRefusal, toFtxError, type ErrorCode } from '../../core/errors.js';
import type { Entry } from '../../core/entry.js';
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

/** Methods throw the failure that ends the session. */
export class IncomingList {
  readonly #channel: Channel;
  readonly #sink: Sink;
  readonly #tally: Tally;
  /** Whether the sender asks for what is there already by offers of its own, because everything else comes in packs. */
  #hasPacks = false;
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
  takeHello({ capabilities }: Hello): void {
    this.#hasPacks = capabilities.includes(PACKS_CAPABILITY);
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

  async #take({ entries, last, dryRun }: CheckMessage): Promise<void> {
    if (this.#isOver) throw new FtxError('protocol', 'The peer sent a list after another one, or after offers.');
    const plan = (this.#plan ??= this.#sink.plan(dryRun));
    const verdicts: Verdict[] = [];
    for (const [index, entry] of entries.entries()) {
      const verdict = await this.#judge(plan, index, entry, dryRun);
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
  async #judge(plan: Plan, index: number, entry: Entry, dryRun: boolean): Promise<Verdict | undefined> {
    this.#entries += 1;
    this.#bytes += entry.size ?? 0;
    try {
      const outlook = await plan.add(entry);
      const isWorthSaying = dryRun ? outlook.fate !== 'new' || outlook.offset > 0 : this.#isThere(entry, outlook);
      return isWorthSaying ? { index, ...outlook } : undefined;
    } catch (error) {
      const { code, message } = toFtxError(error);
      if (code === 'too-many') throw error;
      if (!isRefusal(code) && !dryRun) return undefined;
      if (!dryRun) this.#report(entry, { code, message });
      return { index, fate: 'refused', code, message };
    }
  }

  /** Whether the entry would come in a pack, with a content that is there already. */
  #isThere({ kind, size }: Entry, { fate }: Outlook): boolean {
    return this.#hasPacks && fate === 'already' && kind === 'file' && (size ?? Infinity) <= MAX_PACK_CONTENT_BYTES;
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
