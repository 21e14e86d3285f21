/** Reads sources and sends their blocks; PROTOCOL.md section 5, data. */
import { createFileDigest, digestBlock, type FileDigest } from '../../core/checksum.js';
import { FtxError, toFtxError } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import type { Source } from '../../core/source.js';
import type { Channel } from '../../protocol/channel.js';
import type { SenderWatch } from '../shares.js';

/** Opening a file up to this takes longer than reading it. */
const SMALL_FILE_BYTES = 256 * 1024;

export function isSmallFile({ entry }: Source): boolean {
  return entry.size !== null && entry.size <= SMALL_FILE_BYTES;
}

/** Tells a failure of the source from one of the connection. */
export class SourceFailure extends Error {
  constructor(readonly failure: FtxError) {
    super(failure.message);
  }
}

/** What is sent, and for which entry. */
export interface Content {
  readonly id: number;
  readonly source: Source;
}

export interface ContentSenderOptions {
  readonly channel: Channel;
  readonly watch: SenderWatch;
  /** Whether anyone still wants the entry. */
  readonly isWanted: (id: number) => boolean;
  /** Called after each block with how far the entry is. */
  readonly afterBlock: (content: Content, bytes: number) => Promise<void>;
}

/** Methods throw SourceFailure for what concerns one entry, anything else for what ends the session. */
export class ContentSender {
  readonly #options: ContentSenderOptions;

  constructor(options: ContentSenderOptions) {
    this.#options = options;
  }

  /**
   * Sends the blocks that the receiver lacks: all from byte `from` on, and of
   * those before it the ones whose digest is not what the receiver has. Reads
   * no block again whose digest the journal of the source knows. Resolves with
   * digest and size of the whole, or undefined when nobody wants it any more.
   */
  async sendFile(content: Content, from: number, have: readonly bigint[]) {
    const { source, id } = content;
    // The journal of a source that nobody wants any more has been closed, and stays so.
    if (!this.#options.isWanted(id)) return undefined;
    const digest = createFileDigest();
    const known = have.length > 0 ? ((await source.journal?.load()) ?? []).slice(0, have.length) : [];
    for (const [block, own] of known.entries()) {
      digest.add(own);
      if (own !== have[block]) await this.sendBlockAgain(content, block * BLOCK_BYTES);
    }
    const size = await this.#sendFrom(content, known.length, digest, (block, own) =>
      have.length > 0 ? own !== have[block] : block * BLOCK_BYTES >= from,
    );
    return this.#options.isWanted(id) ? { digest: digest.value(), size } : undefined;
  }

  /** Reads from a block on and sends those that are lacking; resolves with where it stopped. */
  async #sendFrom(
    content: Content,
    first: number,
    digest: FileDigest,
    isLacking: (block: number, own: bigint) => boolean,
  ) {
    const { source, id } = content;
    let block = first;
    let end = Math.min(first * BLOCK_BYTES, source.entry.size ?? 0);
    // One block goes out while the next is digested; a third is being read.
    let sending = Promise.resolve();
    for await (const bytes of this.#read(source, first * BLOCK_BYTES)) {
      if (!this.#options.isWanted(id)) break;
      const own = digestBlock(bytes);
      digest.add(own);
      await this.#wait(sending);
      if (!this.#options.isWanted(id)) break;
      source.journal?.note(block, own);
      if (isLacking(block, own)) sending = this.#send(content, block * BLOCK_BYTES, own, bytes);
      // It is awaited in the next round, or below; a failure before that is not an unhandled one.
      sending.catch(() => undefined);
      block += 1;
      end += bytes.length;
      await this.#options.afterBlock(content, end);
    }
    await this.#wait(sending);
    return end;
  }

  /** Sends the block at `offset` once more. */
  async sendBlockAgain(content: Content, offset: number): Promise<void> {
    const { path, size } = content.source.entry;
    if (size === null) throw new SourceFailure(refuseSecondReading(path));
    for await (const block of this.#read(content.source, offset))
      return await this.#wait(this.#send(content, offset, digestBlock(block), block));
    throw new FtxError('protocol', `The receiver asked for a block at offset ${offset}, past the end.`);
  }

  #send({ id }: Content, offset: number, digest: bigint, block: Uint8Array): Promise<void> {
    return this.#options.channel.sendBlock({ type: 'data', id, offset, digest, length: block.length }, block);
  }

  async #wait(sending: Promise<void>): Promise<void> {
    const { watch } = this.#options;
    watch.enter('network');
    await sending;
    watch.enter('cpu');
  }

  async *#read(source: Source, from: number): AsyncGenerator<Uint8Array> {
    const { watch } = this.#options;
    try {
      watch.enter('source');
      for await (const block of source.blocks(from)) {
        watch.enter('cpu');
        yield block;
        watch.enter('source');
      }
      watch.enter('cpu');
    } catch (error) {
      throw new SourceFailure(toFtxError(error, 'unreadable'));
    }
  }
}

function refuseSecondReading(path: string): FtxError {
  return new FtxError('checksum', `${path} was damaged on the way, and a stream cannot be read twice. Send it again.`);
}
