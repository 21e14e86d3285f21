import { constants, fstatSync } from 'node:fs';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { FtxError } from '../errors.js';
import type { Entry, PartFile, Placed } from '../ports.js';
import { createBlockWriter, type BlockWriter } from './block-writer.js';
import { commitFile, type ConflictPolicy, type Place } from './commit.js';
import { describeDiskError, showBytes, showPath } from './disk-error.js';
import { makePartName } from './safe-path.js';

const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_RDWR;

export interface PartFileOptions {
  readonly place: Place;
  readonly offer: Entry;
  readonly onConflict: ConflictPolicy;
  /** Bytes. */
  readonly maxSize: number;
  /** The path below the receiver's folder once the file has got its name. */
  readonly describePlace: (name: string) => string;
}

/** Touches the disk at the first write, so that an offer by itself costs nothing. */
export function createPartFile({ place, offer, onConflict, maxSize, describePlace }: PartFileOptions): PartFile {
  const path = join(place.folder, makePartName());
  let opening: Promise<OpenPart> | undefined;
  let failure: FtxError | undefined;
  let ending: Promise<void> | undefined;

  const isEnded = (): boolean => ending !== undefined;
  const openOnce = (): Promise<OpenPart> => (opening ??= openPart(path));

  async function write(block: Uint8Array, offset: number): Promise<void> {
    if (isEnded()) throw refuseEnded(place.path);
    try {
      if (offset + block.length > maxSize) throw refuseSize(place.path, maxSize);
      const { writer } = await openOnce();
      await writer.write(block, offset);
    } catch (error) {
      // A write that was under way when the file was discarded fails for that reason alone.
      if (isEnded()) throw refuseEnded(place.path);
      failure ??= describeDiskError(error, place.path);
      throw failure;
    }
  }

  async function settle(size: number): Promise<Placed> {
    try {
      if (failure) throw failure;
      const { handle, writer } = await openOnce();
      await writer.close();
      checkSize(handle, size, place.path);
      return { as: describePlace(await commitFile({ handle, path }, place, onConflict, offer)) };
    } catch (error) {
      await remove();
      throw describeDiskError(error, place.path);
    }
  }

  function commit(size: number): Promise<Placed> {
    if (isEnded()) return Promise.reject(refuseEnded(place.path));
    const settled = settle(size);
    ending = settled.then(ignore, ignore);
    return settled;
  }

  /** Never fails: it runs after a failure, which is the one to report. */
  async function remove(): Promise<void> {
    const part = await opening?.catch(ignore);
    if (!part) return;
    await part.writer.close();
    await part.handle.close().catch(ignore);
    await unlink(path).catch(ignore);
  }

  return { state: 'part', write, commit, discard: () => (ending ??= remove()) };
}

function ignore(): undefined {
  return undefined;
}

interface OpenPart {
  readonly handle: FileHandle;
  readonly writer: BlockWriter;
}

async function openPart(path: string): Promise<OpenPart> {
  const handle = await open(path, NEW_FILE, 0o600);
  return { handle, writer: createBlockWriter(handle) };
}

function checkSize({ fd }: FileHandle, size: number, path: string): void {
  const written = fstatSync(fd).size;
  if (written === size) return;
  throw new FtxError('io', `${showPath(path)}: ${written} of ${size} bytes are on the receiver's disk.`);
}

export function refuseSize(path: string, maxSize: number, size?: number): FtxError {
  const much = size === undefined ? 'is larger than' : `is ${showBytes(size)}, more than`;
  return new FtxError('too-large', `${showPath(path)}: ${much} the ${showBytes(maxSize)} the receiver takes.`);
}

function refuseEnded(path: string): FtxError {
  return new FtxError('aborted', `${showPath(path)}: is no longer being received.`);
}
