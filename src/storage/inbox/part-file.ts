/** A file that is being received, under a temporary name in the folder where it will be stored. */
import { formatBytes } from '../../core/bytes.js';
import { constants, fstatSync, type BigIntStats } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { FtxError } from '../../core/errors.js';
import type { Entry } from '../../core/entry.js';
import type { PartFile, Placed } from '../../core/sink.js';
import { pieceZeros } from '../../core/zeros.js';
import type { DiskFile } from '../disk/disk-file.js';
import { createExtent, type Extent, type Piece } from '../disk/extent.js';
import { commitFile } from './commit.js';
import type { ConflictPolicy } from '../names/conflict.js';
import { diskError, showPath } from '../disk/disk-error.js';
import { openPart, type OpenPart } from './open-part.js';
import type { Place } from './place.js';
import { LOCK_SUFFIX, takeLock } from '../disk/lock.js';
import { createPartSigns } from './part-signs.js';
import { makePartName, PART_SUFFIX } from '../names/part-name.js';

const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_RDWR;
const OLD_FILE = constants.O_NOFOLLOW | constants.O_RDWR;

export interface PartFileOptions {
  readonly place: Place;
  readonly offer: Entry;
  readonly onConflict: ConflictPolicy;
  /** The size of the largest file, in bytes. */
  readonly maxSize: number;
  /** Whether what has arrived stays for a later session when the disk or the quota gets full. */
  readonly isKeptWhenFull: boolean;
  /** Told that what has arrived stays because there is no room for the rest. */
  readonly onKeptFull?: (() => void) | undefined;
  /** Makes room on the disk when a write finds it full. Resolves with whether there is more than before. */
  readonly makeRoom?: (() => Promise<boolean>) | undefined;
  /** Ends comparisons with files that are there, and so the commit: the session of a stranger is over. */
  readonly comparing?: AbortSignal | undefined;
  /** Told where the file stands, and how ftx left it; without stats if somebody took it away at once. */
  readonly onStored?: ((as: string, stats: BigIntStats | undefined) => void) | undefined;
}

/** The file on the disk that a part file writes to. */
export interface PartOnDisk {
  /** The temporary name, in the folder of the place. */
  readonly name: string;
  /** Bytes that an earlier session has left in it; 0 if the file is not there. */
  readonly bytes: number;
}

/** Makes a part file that ends with its session. An offer alone costs nothing: the file is created by the first write, or by the commit. */
export function createPartFile(options: PartFileOptions): PartFile {
  const name = makePartName();
  const part = new DiskPart(options, { name, bytes: 0 });
  const { place } = options;
  const lockName = name.slice(0, -PART_SUFFIX.length) + LOCK_SUFFIX;
  const signs = createPartSigns(() => place.whileWritable(() => takeLock(join(place.folder, lockName))));
  const discard = () => part.discard().finally(() => signs.end());
  return {
    state: 'part',
    durable: [],
    confirm: ignore,
    write(block, offset) {
      signs.begin();
      return part.write(block, offset);
    },
    writeZeros(length, offset) {
      signs.begin();
      return part.writeZeros(length, offset);
    },
    commit: (size) => part.commit(size).finally(() => signs.end()),
    discard,
    suspend: () => discard().then(() => 0),
  };
}

/** A part file on the disk. resumable-part.ts uses `sync` and `close` to keep it for a later session. */
export class DiskPart {
  /** Whether a commit has failed and left the file, because the disk is full. */
  isLeft = false;
  readonly #options: PartFileOptions;
  readonly #name: string;
  readonly #isThere: boolean;
  readonly #extent: Extent;
  /** Set while the file gets the length of zeros at its end. What comes after them has to wait. */
  #stretching: Promise<void> | undefined;
  #opening: Promise<OpenPart> | undefined;
  #failure: FtxError | undefined;
  /** Whether nothing worse has happened than that there was no room for a write: what was written before can be made durable. */
  #isOnlyFull = false;
  #ending: Promise<void> | undefined;

  constructor(options: PartFileOptions, { name, bytes }: PartOnDisk) {
    this.#options = options;
    this.#name = name;
    this.#isThere = bytes > 0;
    this.#extent = createExtent(bytes);
  }

  get #path(): string {
    return join(this.#options.place.folder, this.#name);
  }

  /** Writes the block but for pages of zeros where nothing was written before. */
  write(block: Uint8Array, offset: number): Promise<void> {
    return this.#writeAll(this.#extent.take(block, offset) ?? [{ bytes: block, offset }], offset + block.length);
  }

  /** As write(). What was written before is written over. */
  writeZeros(length: number, offset: number): Promise<void> {
    return this.#writeAll(pieceZeros(this.#extent.takeZeros(length, offset), offset), offset + length);
  }

  #writeAll(pieces: Iterable<Piece>, end: number): Promise<void> {
    const { place, maxSize } = this.#options;
    if (end > maxSize) this.#failure ??= tooLargeError(place.path.text, maxSize);
    return this.#attempt(async ({ writer }) => {
      if (this.#stretching) await this.#stretching;
      for (const { bytes, offset } of pieces) await writer.write(bytes, offset);
    });
  }

  /** Reads all of `target` at a byte offset. Throws what the system throws, and FtxErrors. */
  async read(target: Uint8Array, offset: number): Promise<void> {
    if (this.#ending) throw endedError(this.#options.place.path.text);
    const { file } = await this.#open();
    for (let done = 0; done < target.length;) {
      const { bytesRead } = await file.read(target, done, target.length - done, offset + done);
      if (bytesRead === 0) throw new FtxError('io', `${showPath(this.#name)} ends early.`);
      done += bytesRead;
    }
  }

  /** Makes everything that was written durable. If it fails, the commit fails too. */
  sync(): Promise<void> {
    // After a failure it is not tried again: a second fsync may succeed although the first has lost bytes.
    return this.#attempt(async ({ file }) => {
      await this.#stretch(file);
      await file.datasync();
    }, 'sync');
  }

  /** After a failure the file is removed, unless the disk is full and it is to be kept then. */
  commit(size: number, isKeptWhenFull = false): Promise<Placed> {
    if (this.#ending) return Promise.reject(endedError(this.#options.place.path.text));
    const committed = this.#commitOnce(size, isKeptWhenFull);
    this.#ending = committed.then(ignore, ignore);
    return committed;
  }

  discard(): Promise<void> {
    return (this.#ending ??= this.#remove());
  }

  /** Closes the file and leaves it on the disk. */
  close(): Promise<void> {
    return (this.#ending ??= this.#close().then(ignore));
  }

  #open(): Promise<OpenPart> {
    const { place, makeRoom } = this.#options;
    const open = () => openPart(this.#path, this.#isThere ? OLD_FILE : NEW_FILE, makeRoom);
    return (this.#opening ??= this.#isThere ? open() : place.whileWritable(open));
  }

  /** Gives the file the length of zeros that were left out at its end. */
  async #stretch(file: DiskFile): Promise<void> {
    while (this.#stretching) await this.#stretching;
    const length = this.#extent.takeGap();
    if (length === undefined) return;
    // No write that is under way goes beyond this length, so it cuts nothing off.
    this.#stretching = file.truncate(length).finally(() => (this.#stretching = undefined));
    await this.#stretching;
  }

  async #attempt(work: (part: OpenPart) => Promise<void>, what: 'write' | 'sync' = 'write'): Promise<void> {
    const { place } = this.#options;
    if (this.#ending) throw endedError(place.path.text);
    if (this.#failure && !(what === 'sync' && this.#isOnlyFull)) throw this.#failure;
    try {
      await work(await this.#open());
    } catch (error) {
      // A write that was running when the file ended fails for that reason, whatever the system says.
      if (this.#isEnding()) throw endedError(place.path.text);
      const failure = diskError(error, place.path.text);
      this.#isOnlyFull = what === 'write' && failure.code === 'no-space' && (!this.#failure || this.#isOnlyFull);
      throw (this.#failure ??= failure);
    }
  }

  #isEnding(): boolean {
    return this.#ending !== undefined;
  }

  async #commitOnce(size: number, isKeptWhenFull: boolean): Promise<Placed> {
    const { place, onConflict, offer, comparing, onStored } = this.#options;
    try {
      if (this.#failure) throw this.#failure;
      const { file, writer } = await this.#open();
      await writer.close();
      await this.#stretch(file);
      assertSize(file, size, place.path.text);
      const { as, already, stats } = await commitFile({ file, path: this.#path, comparing }, place, onConflict, offer);
      onStored?.(as, stats);
      return already ? { as, already } : { as };
    } catch (error) {
      const failure = diskError(error, place.path.text);
      this.isLeft = isKeptWhenFull && failure.code === 'no-space';
      await (this.isLeft ? this.#close() : this.#remove());
      throw failure;
    }
  }

  /** Resolves with whether there is a file to remove. Never fails, because the failure before it is the one to report. */
  async #close(): Promise<boolean> {
    const part = await this.#opening?.catch(ignore);
    await part?.writer.close();
    await part?.file.close().catch(ignore);
    return part !== undefined || this.#isThere;
  }

  async #remove(): Promise<void> {
    if (!(await this.#close())) return;
    try {
      await unlink(this.#path);
    } catch {
      // The file or its folder may be gone already.
    }
  }
}

function ignore(): undefined {
  return undefined;
}

function assertSize({ fd }: DiskFile, size: number, path: string): void {
  const written = fstatSync(fd).size;
  if (written === size) return;
  throw new FtxError('io', `${showPath(path)}: ${written} of ${size} bytes are on the receiver's disk.`);
}

export function tooLargeError(path: string, maxSize: number, size?: number): FtxError {
  const much = size === undefined ? 'is larger than' : `is ${formatBytes(size)}, more than`;
  return new FtxError('too-large', `${showPath(path)}: ${much} the ${formatBytes(maxSize)} the receiver takes.`);
}

function endedError(path: string): FtxError {
  return new FtxError('aborted', `${showPath(path)}: is no longer being received.`);
}
