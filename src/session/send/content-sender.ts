/** The loop that sends contents: PROTOCOL.md section 5, data. */
import { createFileDigest, digestBlock } from '../../core/checksum.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import { FtxError, toFtxError } from '../../core/errors.js';
import type { CreateSha256, Sha256 } from '../../core/sha256.js';
import type { Source } from '../../core/source.js';
import { digestZeros, isZeros } from '../../core/zeros.js';
import type { Channel } from '../../protocol/channel.js';
import type { SenderTask, SenderWatch } from '../shares.js';
import type { Condition } from './condition.js';
import type { Movement } from './movement.js';
import type { OutgoingEntries } from './outgoing-entries.js';
import type { OpenEntry, Task } from './outgoing-entry.js';
import { readContent, SourceFailure } from './read-content.js';
import type { SendQueue } from './send-queue.js';
import { createZeroRun, type ZeroRun } from './zero-run.js';

type OnBlock = (bytes: Uint8Array, digest: bigint) => void;

/** Opening a file of up to this many bytes takes longer than sending it, so that several are opened and sent at the same time. */
const SMALL_FILE_BYTES = 256 * 1024;
/** Small files that are read and sent at the same time. */
const MAX_SMALL_AT_ONCE = 8;

export interface ContentSenderOptions {
  readonly channel: Channel;
  readonly entries: OutgoingEntries;
  readonly movement: Movement;
  readonly queue: SendQueue;
  /** Notified whenever the queue or the entries have changed. */
  readonly changed: Condition;
  readonly watch: SenderWatch;
  readonly createSha256: CreateSha256;
  /** Whether the receiver takes runs of zeros. */
  readonly sendsZeros: boolean;
}

/** Empties the queue. Blocks that the receiver asks for again go first, then the next entry. */
export class ContentSender {
  readonly #options: ContentSenderOptions;
  /** Small files that are being sent. */
  #small = 0;

  constructor(options: ContentSenderOptions) {
    this.#options = options;
  }

  /** Sends until all entries are at their end. Throws FtxError for what ends the session. */
  async run(): Promise<void> {
    const { entries, queue, changed } = this.#options;
    for (;;) {
      await changed.until(() => entries.finished || queue.hasAgain || this.#canSendNext());
      if (entries.finished) return;
      await this.#sendAgain();
      const task = this.#canSendNext() ? queue.takeReady() : undefined;
      if (task && isSmall(task.entry.source)) this.#sendBeside(task);
      else if (task) await this.#work(task.entry, (time) => this.#sendFile(task, time));
    }
  }

  #canSendNext(): boolean {
    return this.#options.queue.hasReady && this.#small < MAX_SMALL_AT_ONCE;
  }

  /** Sends a small file while the loop goes on with the next task. */
  #sendBeside(task: Task): void {
    const { changed } = this.#options;
    this.#small += 1;
    this.#work(task.entry, (time) => this.#sendFile(task, time))
      .catch((error: unknown) => changed.fail(toFtxError(error)))
      .finally(() => {
        this.#small -= 1;
        changed.notify();
      });
  }

  /** Sends the blocks that the receiver has asked for again. Called also between any two blocks of a large file. */
  async #sendAgain(): Promise<void> {
    const { entries, queue } = this.#options;
    for (let task = queue.takeAgain(); task; task = queue.takeAgain()) {
      const { entry, offset } = task;
      if (entries.isOpen(entry)) await this.#work(entry, (time) => this.#sendBlockOf(entry, offset, time));
    }
  }

  /** Does the work, and measures what it waits for. A source that cannot be read ends its entry; anything else is thrown. */
  async #work(entry: OpenEntry, work: (time: SenderTask) => Promise<void>): Promise<void> {
    const { channel, entries, watch } = this.#options;
    const time = watch.begin();
    try {
      await work(time);
    } catch (error) {
      if (!(error instanceof SourceFailure)) throw error;
      if (!entries.isOpen(entry)) return;
      entries.close(entry, error.failure);
      const { code, message } = error.failure;
      await channel.send({ type: 'error', id: entry.id, code, message });
    } finally {
      time.end();
    }
  }

  /**
   * Sends the blocks of a file that the receiver lacks, and then the digest of the file. If the receiver has blocks
   * already (`have`), it lacks those whose digest differs. A block whose digest is in the journal of the source need
   * not be read to compare it. Ends early when the entry or the session has ended.
   */
  async #sendFile(task: Task, time: SenderTask): Promise<void> {
    const { channel, entries } = this.#options;
    const { entry, have } = task;
    // The journal of an entry that has ended is closed, and must stay closed.
    if (!entries.isWanted(entry)) return;
    const digest = createFileDigest();
    const proof = this.#startProof(entry);
    const known = have.length > 0 ? ((await entry.source.journal?.load()) ?? []).slice(0, have.length) : [];
    for (const [block, own] of known.entries()) {
      digest.add(own);
      if (own !== have[block]) await this.#sendBlockOf(entry, block * BLOCK_BYTES, time);
    }
    const onBlock = (bytes: Uint8Array, own: bigint) => {
      digest.add(own);
      proof?.update(bytes);
    };
    const size = await this.#sendFrom(task, known.length, onBlock, time);
    if (!entries.isWanted(entry)) return;
    const end = { digest: digest.value(), size };
    entries.noteEnd(entry, end);
    await channel.send({ type: 'end', id: entry.id, ...end, proof: proof?.digest() });
  }

  /** The hash of a proof that begins with the bytes that the receiver has chosen; undefined if it wants none. */
  #startProof({ nonce }: OpenEntry): Sha256 | undefined {
    if (nonce === undefined) return undefined;
    const proof = this.#options.createSha256();
    proof.update(parseHex(nonce));
    return proof;
  }

  /**
   * Reads all blocks from number `first` on, and sends those that are lacking. `onBlock` gets each of them with its
   * digest. Resolves with the offset up to which it has read.
   */
  async #sendFrom(task: Task, first: number, onBlock: OnBlock, time: SenderTask): Promise<number> {
    const run = createZeroRun(this.#options.channel, task.entry.id);
    try {
      return await this.#sendBlocks(task, { first, run }, onBlock, time);
    } finally {
      run.stop();
    }
  }

  async #sendBlocks(
    { entry, offset, have }: Task,
    { first, run }: { readonly first: number; readonly run: ZeroRun },
    onBlock: OnBlock,
    time: SenderTask,
  ): Promise<number> {
    const { entries, movement, queue } = this.#options;
    const { source } = entry;
    const from = Math.min(first * BLOCK_BYTES, source.entry.size ?? 0);
    let block = first;
    let end = from;
    if (have.length > first) movement.noteCompared(entry, 0, offset - from);
    // One block goes out while the next is digested; a third is being read.
    let sending = Promise.resolve();
    for await (const bytes of readContent(source, first * BLOCK_BYTES, time)) {
      if (!entries.isWanted(entry)) break;
      const isZero = this.#isZero(bytes);
      const own = isZero ? digestZeros(bytes.length) : digestBlock(bytes);
      onBlock(bytes, own);
      await waitFor(sending, time);
      if (!entries.isWanted(entry)) break;
      source.journal?.note(block, own);
      const isLacking = have.length > 0 ? own !== have[block] : block * BLOCK_BYTES >= offset;
      if (isLacking && isZero) sending = run.add(end, bytes.length);
      else if (isLacking) {
        run.flush().catch(() => undefined);
        sending = this.#sendBlock(entry, end, own, bytes);
      }
      // The next round, or the line after the loop, awaits the block. If it fails before that, it is no unhandled rejection.
      sending.catch(() => undefined);
      block += 1;
      end += bytes.length;
      // What the receiver has does not move, so it is no progress.
      if (end > offset) movement.noteProgress(entry, end);
      else movement.noteCompared(entry, end - from, offset - from);
      if (queue.hasAgain) await this.#sendAgain();
    }
    await waitFor(sending, time);
    if (entries.isWanted(entry)) await waitFor(run.flush(), time);
    return end;
  }

  /** Reads the block at `offset` by itself and sends it. */
  async #sendBlockOf(entry: OpenEntry, offset: number, time: SenderTask): Promise<void> {
    const { path, size } = entry.source.entry;
    if (size === null) throw new SourceFailure(secondReadingError(path));
    for await (const block of readContent(entry.source, offset, time))
      return await waitFor(this.#sendOne(entry, offset, block), time);
    throw new FtxError('protocol', `The receiver asked for a block at offset ${offset}, past the end.`);
  }

  #sendOne(entry: OpenEntry, offset: number, block: Uint8Array): Promise<void> {
    if (!this.#isZero(block)) return this.#sendBlock(entry, offset, digestBlock(block), block);
    return this.#options.channel.send({ type: 'zeros', id: entry.id, offset, length: block.length });
  }

  #isZero(block: Uint8Array): boolean {
    return this.#options.sendsZeros && isZeros(block);
  }

  #sendBlock({ id }: OpenEntry, offset: number, digest: bigint, block: Uint8Array): Promise<void> {
    return this.#options.channel.sendBlock({ type: 'data', id, offset, digest, length: block.length }, block);
  }
}

async function waitFor(sending: Promise<void>, time: SenderTask): Promise<void> {
  time.enter('network');
  await sending;
  time.enter('cpu');
}

function parseHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

function isSmall({ entry }: Source): boolean {
  return entry.size !== null && entry.size <= SMALL_FILE_BYTES;
}

function secondReadingError(path: string): FtxError {
  return new FtxError('checksum', `${path} was damaged on the way, and a stream cannot be read twice. Send it again.`);
}
