/** Reads sources and sends their blocks; PROTOCOL.md section 5, data. */
import { createFileDigest, digestBlock } from '../checksum.js';
import { FtxError, toFtxError } from '../errors.js';
import type { Source } from '../ports.js';
import type { Channel } from '../protocol/channel.js';
import type { SenderWatch } from './shares.js';

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
   * Sends the blocks from byte `from` on. Resolves with digest and size of the
   * whole, or undefined when the entry is no longer wanted.
   */
  async sendFile(content: Content, from: number): Promise<{ digest: string; size: number } | undefined> {
    const { isWanted, afterBlock } = this.#options;
    const digest = createFileDigest();
    let size = 0;
    for await (const block of this.#read(content.source, 0)) {
      if (!isWanted(content.id)) return undefined;
      const blockDigest = digestBlock(block);
      digest.add(blockDigest);
      if (size >= from) await this.#send(content, size, blockDigest, block);
      size += block.length;
      await afterBlock(content, size);
    }
    return isWanted(content.id) ? { digest: digest.value(), size } : undefined;
  }

  /** Sends the block at `offset` once more. */
  async sendBlockAgain(content: Content, offset: number): Promise<void> {
    const { path, size } = content.source.entry;
    if (size === null) throw new SourceFailure(refuseSecondReading(path));
    for await (const block of this.#read(content.source, offset))
      return this.#send(content, offset, digestBlock(block), block);
    throw new FtxError('protocol', `The receiver asked for a block at offset ${offset}, past the end.`);
  }

  async #send({ id }: Content, offset: number, digest: bigint, block: Uint8Array): Promise<void> {
    const { channel, watch } = this.#options;
    watch.enter('network');
    await channel.sendBlock({ type: 'data', id, offset, digest, length: block.length }, block);
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
