/** A file that is compared, as its content comes, with the file that has its name. Nothing is written while both are equal. */
import { fstatSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { BLOCK_BYTES } from '../../core/entry.js';
import { abortReason, FtxError } from '../../core/errors.js';
import type { PartFile, Placed } from '../../core/sink.js';
import { pieceZeros } from '../../core/zeros.js';
import { diskError, showPath } from '../disk/disk-error.js';
import { existsError } from '../names/conflict.js';
import type { HeldPlace } from './place.js';
import { isUntouched, leadsTo, type ReadableFile } from './same-content.js';

export interface ComparingOptions {
  /** The place of the entry. The part file releases it. */
  readonly place: HeldPlace;
  /** The file that has the name. The part file closes it. */
  readonly there: ReadableFile;
  /** Whether another content is refused. If not, it is received beside the file or in its place. */
  readonly isKept: boolean;
  /** Begins to receive the file, because its content differs. It takes the place over. */
  readonly receive: () => Promise<PartFile>;
  /** Ends the comparison: the session is over. */
  readonly signal: AbortSignal | undefined;
  /** Told that the content is there already, in a file of these attributes. */
  readonly onSame: (stats: BigIntStats) => void;
}

/** Makes a part file over a file that is there. */
export function createComparingPart(options: ComparingOptions): PartFile {
  const part = new ComparingPart(options);
  return {
    state: 'part',
    durable: [],
    write: (block, offset) => part.write(block, offset),
    writeZeros: (length, offset) => part.writeZeros(length, offset),
    confirm: (offset, digest) => part.confirm(offset, digest),
    commit: (size) => part.commit(size),
    discard: () => part.close(discard).then(nothing),
    suspend: () => part.close((received) => received.suspend()),
  };
}

type State =
  /** All that has come is what stands there, up to byte `reached`. */
  | { readonly state: 'equal'; reached: number; readonly confirmed: [offset: number, digest: bigint][] }
  /** The content differs, and is received. */
  | { readonly state: 'received'; readonly part: PartFile }
  | { readonly state: 'over' };

class ComparingPart {
  readonly #options: ComparingOptions;
  readonly #before: BigIntStats;
  /** Where a kept file differs: the offsets of blocks that may come again, because they were damaged on the way. */
  readonly #differing = new Set<number>();
  #state: State = { state: 'equal', reached: 0, confirmed: [] };
  /** A block that has come whole and intact differs from a kept file. */
  #isRefused = false;
  /** Blocks are compared one after the other, so that what was equal can be copied once one differs. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ComparingOptions) {
    this.#options = options;
    this.#before = this.#look();
  }

  write(block: Uint8Array, offset: number): Promise<void> {
    return this.#attempt(() => this.#writeOnce(block, offset));
  }

  writeZeros(length: number, offset: number): Promise<void> {
    return this.#attempt(async () => {
      for (const piece of pieceZeros(length, offset)) {
        // Once something differs, the rest takes no room, and one call.
        const rest = offset + length - piece.offset;
        if (this.#state.state === 'received') return this.#state.part.writeZeros(rest, piece.offset);
        await this.#writeOnce(piece.bytes, piece.offset);
      }
    });
  }

  #attempt(work: () => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await work();
      } catch (error) {
        // Without the part that was to take the content, nothing can come of the file any more.
        if (this.#state.state === 'equal' && !this.#isRefused) await this.#end(discard);
        throw error;
      }
    });
  }

  async #writeOnce(block: Uint8Array, offset: number): Promise<void> {
    if (this.#state.state === 'received') return this.#state.part.write(block, offset);
    if (this.#state.state === 'over') throw this.#endedError();
    if (this.#isRefused) throw existsError(this.#path);
    if (await this.#hasBytes(block, offset)) {
      this.#state.reached = Math.max(this.#state.reached, offset + block.length);
      if (offset % BLOCK_BYTES === 0) this.#differing.delete(offset);
    } else if (this.#options.isKept) {
      this.#differing.add(offset - (offset % BLOCK_BYTES));
    } else {
      await (await this.#receive()).write(block, offset);
    }
  }

  confirm(offset: number, digest: bigint): void {
    const state = this.#state;
    if (state.state === 'received') state.part.confirm(offset, digest);
    if (state.state === 'equal') state.confirmed.push([offset, digest]);
    this.#isRefused ||= this.#differing.has(offset);
  }

  commit(size: number): Promise<Placed> {
    return this.#inTurn(async () => {
      try {
        return await this.#commitOnce(size);
      } catch (error) {
        await this.#end(discard);
        throw error;
      }
    });
  }

  async #commitOnce(size: number): Promise<Placed> {
    if (this.#state.state === 'received') return this.#state.part.commit(size);
    if (this.#state.state === 'over') throw this.#endedError();
    if (BigInt(size) === this.#before.size && this.#differing.size === 0 && (await this.#isThereStill())) {
      const { place, there } = this.#options;
      there.closeMode();
      this.#options.onSame(this.#look());
      await this.#release(() => place.release());
      return { as: place.path.text, already: true };
    }
    if (this.#options.isKept) throw existsError(this.#path);
    return (await this.#receive()).commit(size);
  }

  /** Ends the part file. `end` is what becomes of content that was received. Resolves with the bytes that are kept. Never fails. */
  close(end: (part: PartFile) => Promise<number>): Promise<number> {
    return this.#inTurn(() => this.#end(end));
  }

  async #end(end: (part: PartFile) => Promise<number>): Promise<number> {
    if (this.#state.state === 'received') return end(this.#state.part);
    await this.#release(() => this.#options.place.discard());
    return 0;
  }

  get #path(): string {
    return this.#options.place.path.text;
  }

  #endedError(): FtxError {
    return new FtxError('aborted', `${showPath(this.#path)}: is no longer being received.`);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work).catch((error: unknown) => {
      throw diskError(error, this.#path);
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #hasBytes(block: Uint8Array, offset: number): Promise<boolean> {
    if (BigInt(offset + block.length) > this.#before.size) return false;
    const own = await this.#read(offset, block.length);
    return own.length === block.length && own.equals(block);
  }

  async #read(offset: number, length: number): Promise<Buffer> {
    const { signal } = this.#options;
    if (signal?.aborted) throw abortReason(signal);
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await this.#options.there.handle.read(buffer, 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }

  /** Whether the file that was compared is unchanged, has its name, and is durable. */
  async #isThereStill(): Promise<boolean> {
    const { place, there } = this.#options;
    place.assertUnmoved();
    await place.durability.file(there.handle);
    await place.durability.folder(place.folder);
    const now = this.#look();
    return isUntouched(this.#before, now) && leadsTo(join(place.folder, place.path.name), now);
  }

  /** Goes over to receiving the file: what was equal so far is copied from the file that is there. */
  async #receive(): Promise<PartFile> {
    if (this.#state.state !== 'equal') throw this.#endedError();
    const { reached, confirmed } = this.#state;
    const part = await this.#options.receive();
    this.#state = { state: 'received', part };
    try {
      await this.#copyTo(part, reached);
    } finally {
      await this.#closeFile();
    }
    for (const [offset, digest] of confirmed) part.confirm(offset, digest);
    return part;
  }

  async #copyTo(part: PartFile, reached: number): Promise<void> {
    for (let offset = 0; offset < reached; offset += BLOCK_BYTES) {
      const length = Math.min(BLOCK_BYTES, reached - offset);
      const bytes = await this.#read(offset, length);
      if (bytes.length < length) throw this.#changedError();
      await part.write(bytes, offset);
    }
    const now = this.#look();
    // Another name, or none, changes the ctime alone. The content that was compared is still this one.
    if (now.mtimeNs !== this.#before.mtimeNs || now.size !== this.#before.size) throw this.#changedError();
  }

  #changedError(): FtxError {
    const message = `${showPath(this.#path)}: a file of that name changed on the receiver while it was compared.`;
    return new FtxError('busy', `${message} Send it again.`);
  }

  async #release(place: () => void): Promise<void> {
    if (this.#state.state === 'over') return;
    this.#state = { state: 'over' };
    await this.#closeFile().catch(() => undefined);
    place();
  }

  #look(): BigIntStats {
    return fstatSync(this.#options.there.handle.fd, { bigint: true });
  }

  #closeFile(): Promise<void> {
    const { handle, closeMode } = this.#options.there;
    closeMode();
    return handle.close();
  }
}

async function discard(part: PartFile): Promise<0> {
  await part.discard();
  return 0;
}

function nothing(): void {
  return undefined;
}
