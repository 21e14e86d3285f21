/** The list of what a sender is going to offer, judged before the first offer: PROTOCOL.md section 5, check. */
import { FtxError, isRefusal, toFtxError } from '../../core/errors.js';
import type { Entry } from '../../core/entry.js';
import type { Plan, Sink } from '../../core/sink.js';
import type { Channel } from '../../protocol/channel.js';
import { MAX_CONTROL_BYTES } from '../../protocol/constants.js';
import { measureItem, type CheckMessage, type Verdict } from '../../protocol/messages.js';
import type { Tally } from '../tally.js';

/** What a frame of verdicts holds beside them. */
const FRAME_BYTES = 200;

/** Methods throw what ends the session. */
export class IncomingList {
  readonly #channel: Channel;
  readonly #sink: Sink;
  readonly #tally: Tally;
  #plan: Plan | undefined;
  #isOver = false;
  #entries = 0;
  #bytes = 0;

  constructor(channel: Channel, sink: Sink, tally: Tally) {
    this.#channel = channel;
    this.#sink = sink;
    this.#tally = tally;
  }

  async take({ entries, last, dryRun }: CheckMessage): Promise<void> {
    if (this.#isOver) throw new FtxError('protocol', 'The peer sent a list after another one, or after offers.');
    const plan = (this.#plan ??= this.#sink.plan(dryRun));
    const verdicts: Verdict[] = [];
    for (const [index, entry] of entries.entries()) {
      const verdict = await this.#judge(plan, index, entry, dryRun);
      if (verdict) verdicts.push(verdict);
    }
    await (last ? this.#end(plan, verdicts, dryRun) : this.#answer(verdicts, { end: true }));
  }

  /** Whatever comes now is no list any more. Throws FtxError `protocol` in the middle of one. */
  finish(): void {
    if (this.#plan && !this.#isOver) throw new FtxError('protocol', 'The peer did not finish its list.');
    this.#isOver = true;
  }

  close(): void {
    this.#plan?.close();
  }

  /** Undefined for what is just new. A failure that is no refusal may have passed when the entry is offered. */
  async #judge(plan: Plan, index: number, entry: Entry, dryRun: boolean): Promise<Verdict | undefined> {
    this.#entries += 1;
    this.#bytes += entry.size ?? 0;
    try {
      const outlook = await plan.add(entry);
      return dryRun && (outlook.fate !== 'new' || outlook.offset > 0) ? { index, ...outlook } : undefined;
    } catch (error) {
      const { code, message } = toFtxError(error);
      if (code === 'too-many') throw error;
      if (!isRefusal(code) && !dryRun) return undefined;
      if (!dryRun) this.#report(entry, { code, message });
      return { index, fate: 'refused', code, message };
    }
  }

  /** As if it had been offered: it will not be. */
  #report({ path, kind, size }: Entry, { code, message }: Pick<FtxError, 'code' | 'message'>): void {
    this.#tally.emit({ type: 'offered', path, kind, size });
    this.#tally.emit({ type: 'refused', path, code, message });
  }

  /** What is refused is told even when there is no room for the rest. */
  async #end(plan: Plan, verdicts: Verdict[], dryRun: boolean): Promise<void> {
    this.#isOver = true;
    const room = await plan.total().catch((error: unknown) => toFtxError(error));
    if (room instanceof FtxError) {
      await this.#answer(verdicts, { end: true });
      throw room;
    }
    await this.#answer(verdicts, { end: true, room });
    this.#tally.emit({ type: 'checked', entries: this.#entries, bytes: this.#bytes, dryRun, ...room });
  }

  /** In as many frames as it takes; all but the last without the end. */
  async #answer(
    verdicts: readonly Verdict[],
    end: { end: true; room?: Awaited<ReturnType<Plan['total']>> },
  ): Promise<void> {
    let batch: Verdict[] = [];
    let bytes = FRAME_BYTES;
    for (const verdict of verdicts) {
      const size = measureItem(verdict);
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
