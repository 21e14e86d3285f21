/** Reads a regular file in blocks, and notices when the file has changed. */
import { constants, fstatSync, lstatSync, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { FtxError, errnoOf } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import { showPath } from './disk-error.js';
import { nameDiskFailure } from './errno.js';
import { readAhead, RING, type ReadBlock } from './read-ahead.js';

/** O_NONBLOCK, because a pipe may have taken the place of the file, and opening it must not wait for a writer. */
export const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A file, folder or link as it was found on the disk. */
export interface FoundFile {
  /** Its path on this machine. */
  readonly file: string;
  /** Its name at the receiver, which messages use too. */
  readonly path: string;
  readonly stats: BigIntStats;
}

/**
 * Yields the content from byte `from` on, as Source.blocks does. After the last block, `afterwards` gets the open file,
 * and then the file is checked once more. Throws FtxError `changed`, `unreadable` or `io`.
 */
export async function* readFile(
  known: FoundFile,
  from: number,
  afterwards?: (handle: FileHandle) => Promise<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await openFile(known);
  try {
    // Synchronous, because the file was just opened and is in memory: the call takes 2 µs, a trip to a thread 40.
    assertUnchanged(known, fstatSync(handle.fd, { bigint: true }));
    yield* readAhead(createReader(handle, known, from));
    const { bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, Number(known.stats.size));
    assertLength(bytesRead === 0, known, handle.fd);
    await afterwards?.(handle);
    assertUnchanged(known, lstatSync(known.file, { bigint: true }));
  } catch (error) {
    throw readError(error, known.path);
  } finally {
    await handle.close();
  }
}

async function openFile(known: FoundFile): Promise<FileHandle> {
  try {
    return await open(known.file, READ_FLAGS);
  } catch (error) {
    throw readError(error, known.path);
  }
}

function createReader(handle: FileHandle, known: FoundFile, from: number): ReadBlock {
  const size = Number(known.stats.size);
  const buffers: Buffer[] = [];
  return async (number) => {
    const offset = from + number * BLOCK_BYTES;
    const length = Math.min(BLOCK_BYTES, size - offset);
    if (length <= 0) return undefined;
    const block = (buffers[number % RING] ??= Buffer.allocUnsafeSlow(length)).subarray(0, length);
    const read = await readFully(handle, block, offset);
    assertLength(read === length, known, handle.fd);
    return block;
  };
}

async function readFully(handle: FileHandle, buffer: Buffer, offset: number): Promise<number> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Throws FtxError `changed` unless `now` is of the file that was found, with the same size and times. */
export function assertUnchanged({ path, stats }: FoundFile, now: BigIntStats): void {
  if (now.ino !== stats.ino || now.dev !== stats.dev) throw changedError(path, 'was replaced by another');
  const sizes = `from ${stats.size.toString()} to ${now.size.toString()} bytes`;
  if (now.size < stats.size) throw changedError(path, `shrank ${sizes}`);
  if (now.size > stats.size) throw changedError(path, `grew ${sizes}`);
  // What is still empty has the same content. Some files of /proc are empty, and have another time at each look.
  if (stats.size === 0n) return;
  if (now.mtimeNs !== stats.mtimeNs) throw changedError(path, 'was modified');
  if (now.ctimeNs !== stats.ctimeNs) throw changedError(path, 'was touched');
}

/** Throws FtxError unless the content of an open file is as long as its size: `changed` if the file has changed, or else `unreadable`. */
export function assertLength(isAsLong: boolean, known: FoundFile, fd: number): void {
  if (isAsLong) return;
  assertUnchanged(known, fstatSync(fd, { bigint: true }));
  const reason = 'its size is not known before it is read, as in /proc';
  throw new FtxError('unreadable', `${showPath(known.path)}: ${reason}. Send it by: cat FILE | ftx send - --name NAME`);
}

function changedError(path: string, change: string, cause?: unknown): FtxError {
  const message = `${showPath(path)}: the file ${change} while it was being sent. Send it again.`;
  return new FtxError('changed', message, { cause });
}

/** Returns the FtxError for what went wrong while reading the entry at `path`. An FtxError stays as it is. */
export function readError(error: unknown, path: string): FtxError {
  if (error instanceof FtxError) return error;
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return changedError(path, 'was removed', error);
    case 'ELOOP':
    case 'ENXIO':
      return changedError(path, 'was replaced by something that is no file', error);
    case 'EACCES':
    case 'EPERM':
      return new FtxError('unreadable', `${showPath(path)}: you have no permission to read it.`, { cause: error });
    case undefined:
    default:
      return new FtxError('io', `${showPath(path)}: cannot be read (${nameDiskFailure(error)}).`, { cause: error });
  }
}
