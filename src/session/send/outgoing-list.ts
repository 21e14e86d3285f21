/** The list of everything that is to be sent, checked by the receiver before the first offer: PROTOCOL.md section 5, check. */
import { formatAddress } from '../../core/address.js';
import { FtxError, isRefusal } from '../../core/errors.js';
import type { Entry } from '../../core/entry.js';
import type { NameList } from '../../core/name-list.js';
import { PathTable } from '../../core/path-table.js';
import type { Source } from '../../core/source.js';
import type { Totals } from '../../core/events.js';
import type { Channel } from '../../protocol/channel.js';
import { MAX_CONTROL_BYTES, MAX_OPEN_CHECKS } from '../../protocol/constants.js';
import { encodeItem, measureItem, type Verdict } from '../../protocol/item-json.js';
import type { CheckedMessage } from '../../protocol/messages.js';
import { within } from '../../protocol/watch.js';
import type { Tally } from '../tally.js';

/** Bytes of a `check` frame beside the entries in it. */
const FRAME_BYTES = 100;

const REFUSED = 1;
const THERE = 2;
const ENDED = 3;

export interface OutgoingListOptions {
  readonly channel: Channel;
  readonly tally: Tally;
  /** Milliseconds that the receiver has from one of its answers to the next. */
  readonly answerMs: number;
  /** Milliseconds for which the receiver is waited for in all, for each part of the list. */
  readonly partMs: number;
  /** Nothing is sent, and the tally tells what would become of each entry. */
  readonly dryRun: boolean;
  /** Whether the receiver takes pins in a list. */
  readonly tellsPins?: boolean;
  /** Takes the names of the list. The list closes it. */
  readonly names: NameList;
}

/** The entries of one `check` message, and how many of them the receiver has judged. */
interface Batch {
  readonly entries: readonly Entry[];
  judged: number;
}

export class OutgoingList {
  readonly #options: OutgoingListOptions;
  readonly #waiting: Batch[] = [];
  /** REFUSED, THERE or ENDED for each entry with such a verdict, by keyOf. */
  readonly #verdicts = new PathTable();
  /** How many entries of each name were listed and have not been offered. */
  readonly #left = new PathTable();
  #leftInAll = 0;
  #entries = 0;
  #bytes = 0;
  /** Milliseconds for which the oldest part has been waited for. */
  #waitedMs = 0;
  /** True once the last part has been asked. */
  #isAsked = false;
  #isChecked = false;

  constructor(options: OutgoingListOptions) {
    this.#options = options;
  }

  get totals(): Totals {
    return { entries: this.#entries, bytes: this.#bytes };
  }

  /** Names that were listed and that take() was not asked about, each once. */
  async *left(): AsyncGenerator<string> {
    if (this.#leftInAll === 0) return;
    for await (const name of this.#options.names.names()) {
      const left = this.#left.get(name);
      if (left === 0) continue;
      this.#leftInAll -= left;
      this.#left.set(name, 0);
      yield name;
      if (this.#leftInAll === 0) return;
    }
  }

  /** Releases what the list keeps. Safe to call more than once. */
  close(): void {
    this.#options.names.close();
  }

  /** Tells of an entry of the second walk whether it is to be offered: its name was listed, and the receiver has neither refused this very entry, nor said that it has it for good. */
  take(entry: Entry): boolean {
    const left = this.#left.get(entry.path);
    if (left === 0) return false;
    this.#left.set(entry.path, left - 1);
    this.#leftInAll -= 1;
    const verdict = this.#verdicts.get(keyOf(entry));
    return verdict !== REFUSED && verdict !== ENDED;
  }

  /** Whether the receiver has said that this very entry is there, so that none of its content is needed. */
  isThere(entry: Entry): boolean {
    return this.#verdicts.get(keyOf(entry)) === THERE;
  }

  /**
   * Has the receiver check all sources. A single source is checked in a dry run only, because its offer asks the same;
   * otherwise this resolves with that source. Throws FtxError when the receiver does not take the whole list.
   */
  async check(sources: AsyncIterable<Source>): Promise<Source | undefined> {
    let only: Source | undefined;
    let [batch, texts]: [Entry[], string[]] = [[], []];
    let bytes = FRAME_BYTES;
    for await (const source of sources) {
      only = this.#entries === 0 ? source : undefined;
      const text = encodeItem(source.entry, this.#options.tellsPins ? source.pin : undefined);
      const size = measureItem(text);
      if (bytes + size > MAX_CONTROL_BYTES) {
        this.#options.tally.emit({ type: 'counting', ...this.totals });
        await this.#ask(batch, texts, false);
        [batch, texts, bytes] = [[], [], FRAME_BYTES];
      }
      batch.push(source.entry);
      this.#keep(source.entry.path);
      texts.push(text);
      bytes += size;
      this.#entries += 1;
      this.#bytes += source.entry.size ?? 0;
    }
    if (batch.length === 0 || (only && !this.#options.dryRun)) return only;
    await this.#ask(batch, texts, true);
    while (!this.#isChecked) this.#takeVerdicts(await this.#hear());
    return undefined;
  }

  #keep(name: string): void {
    this.#options.names.add(name);
    this.#left.set(name, this.#left.get(name) + 1);
    this.#leftInAll += 1;
  }

  /** Sends entries to be checked. Waits first while too many checks are open. */
  async #ask(entries: readonly Entry[], texts: readonly string[], last: boolean): Promise<void> {
    const { channel, dryRun } = this.#options;
    while (this.#waiting.length >= MAX_OPEN_CHECKS) this.#takeVerdicts(await this.#hear());
    this.#waiting.push({ entries, judged: 0 });
    this.#isAsked = last;
    await channel.send({ type: 'check', id: 0, entries, texts, last, dryRun });
  }

  async #hear(): Promise<CheckedMessage> {
    const { channel, answerMs, partMs } = this.#options;
    const began = performance.now();
    const limitMs = Math.min(answerMs, partMs - this.#waitedMs);
    const message = await within(limitMs, channel, 'check what is to be sent', channel.receive());
    this.#waitedMs += performance.now() - began;
    if (message === undefined)
      throw new FtxError(
        'lost',
        `${formatAddress(channel.address)} closed the connection before it had checked everything. Send again.`,
      );
    if (message.type === 'error' && message.id === 0) throw new FtxError(message.code, message.message);
    if (message.type === 'checked') return message;
    throw new FtxError('protocol', `The receiver sent a ${message.type} message while it was asked to check a list.`);
  }

  #takeVerdicts({ verdicts, end, room }: CheckedMessage): void {
    const [batch] = this.#waiting;
    if (!batch || (verdicts.length === 0 && !end)) throw verdictsError();
    for (const verdict of verdicts) this.#judge(batch, verdict);
    if (!end) return;
    this.#passUpTo(batch, batch.entries.length);
    this.#waiting.shift();
    this.#waitedMs = 0;
    if (!room) return;
    if (!this.#isAsked || this.#waiting.length > 0) throw verdictsError();
    this.#isChecked = true;
    this.#options.tally.emit({ type: 'checked', ...this.totals, dryRun: this.#options.dryRun, ...room });
  }

  /** Passes the entries before index `end`. They have got no verdict, so nothing has their names. */
  #passUpTo(batch: Batch, end: number): void {
    for (; batch.judged < end; batch.judged++) {
      const entry = batch.entries[batch.judged];
      if (entry) this.#show(entry, { index: batch.judged, fate: 'new', offset: 0 });
    }
  }

  #judge(batch: Batch, verdict: Verdict): void {
    const entry = batch.entries[verdict.index];
    const offset = verdict.fate === 'refused' ? 0 : verdict.offset;
    if (!entry || verdict.index < batch.judged || offset > (entry.size ?? 0)) throw verdictsError();
    this.#passUpTo(batch, verdict.index);
    batch.judged += 1;
    this.#show(entry, verdict);
  }

  #show(entry: Entry, verdict: Verdict): void {
    const { tally, dryRun } = this.#options;
    const { path, kind, size } = entry;
    if (verdict.fate === 'refused') {
      const { code, message } = verdict;
      this.#verdicts.set(keyOf(entry), REFUSED);
      if (!dryRun) tally.emit({ type: 'offered', path, kind, size });
      tally.emit({ type: isRefusal(code) ? 'refused' : 'failed', path, code, message });
    } else if (dryRun) {
      const { fate, offset, as = path } = verdict;
      tally.emit({ type: 'planned', path, kind, size, fate, as, offset });
    } else if (verdict.fate === 'already') this.#takeThere(entry, verdict);
  }

  /** The receiver has the content already. With a digest, it has the very file from this sender, so that there is nothing to offer. */
  #takeThere(entry: Entry, { digest, durable = true, as }: Exclude<Verdict, { fate: 'refused' }>): void {
    const { path, kind, size } = entry;
    if (digest === undefined) return this.#verdicts.set(keyOf(entry), THERE);
    if (kind !== 'file' || size === null) throw verdictsError();
    this.#verdicts.set(keyOf(entry), ENDED);
    const { tally } = this.#options;
    tally.emit({ type: 'offered', path, kind, size });
    tally.emit({ type: 'stored', path, as: as ?? path, size, digest, already: true, durable, seconds: 0 });
  }
}

/** Tells entries apart by what an offer says of them, so that an entry that has changed since counts as another one. */
function keyOf({ path, size, mtimeNs }: Entry): string {
  return `${path}\0${size}\0${mtimeNs}`;
}

function verdictsError(): FtxError {
  return new FtxError('protocol', 'The receiver sent verdicts on entries that it was not asked about.');
}
