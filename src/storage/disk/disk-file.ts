/**
 * An open file that is received to. What only changes memory is done at once while the disk is prompt: a trip to another
 * thread costs more than the call. Everything that waits for the disk goes to a thread.
 */
import {
  close,
  closeSync,
  constants,
  fdatasync,
  fsync,
  ftruncate,
  open,
  openSync,
  read,
  write,
  writeSync,
  writev,
} from 'node:fs';
import { promisify } from 'node:util';
import { inboxDisk } from './latency.js';

const inThread = {
  ...{ open: promisify(open), close: promisify(close), read: promisify(read), write: promisify(write) },
  ...{ writev: promisify(writev), fsync: promisify(fsync), fdatasync: promisify(fdatasync) },
  ftruncate: promisify(ftruncate),
};

/** More bytes than this are written in a thread. */
const MAX_PROMPT_BYTES = 64 * 1024;
const CLOSED = -1;

/**
 * Opens a file, with the flags and permission bits of open(2). A new file is made in a thread, because that waits while
 * the file system commits its journal. Throws what the system throws.
 */
export async function openDiskFile(path: string, flags: number, mode?: number): Promise<DiskFile> {
  const isNew = (flags & constants.O_CREAT) !== 0;
  if (isNew || !inboxDisk.isFast()) return new DiskFile(await inThread.open(path, flags, mode));
  return new DiskFile(inboxDisk.time(() => openSync(path, flags, mode)));
}

/** Its methods do what those of a FileHandle do, and throw what the system throws. */
export class DiskFile {
  #fd: number;
  #underWay = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** -1 once the file is closed, so that no other file is taken for it. */
  get fd(): number {
    return this.#fd;
  }

  read(target: Uint8Array, start: number, length: number, offset: number): Promise<{ bytesRead: number }> {
    return this.#run((fd) => inThread.read(fd, target, start, length, offset));
  }

  write(bytes: Uint8Array, start: number, length: number, offset: number): Promise<{ bytesWritten: number }> {
    return this.#run(async (fd) => {
      if (length > MAX_PROMPT_BYTES || !inboxDisk.isFast()) return inThread.write(fd, bytes, start, length, offset);
      return { bytesWritten: inboxDisk.time(() => writeSync(fd, bytes, start, length, offset)) };
    });
  }

  writev(pieces: readonly Uint8Array[], offset: number): Promise<{ bytesWritten: number }> {
    return this.#run((fd) => inThread.writev(fd, pieces, offset));
  }

  sync(): Promise<void> {
    return this.#run(inThread.fsync);
  }

  datasync(): Promise<void> {
    return this.#run(inThread.fdatasync);
  }

  truncate(length: number): Promise<void> {
    return this.#run((fd) => inThread.ftruncate(fd, length));
  }

  /** Waits for the calls that are under way. Later calls throw EBADF. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** The descriptor stays open until the call is over: the system gives a closed one to the next file that is opened. */
  async #run<T>(call: (fd: number) => Promise<T>): Promise<T> {
    if (this.#closing) throw Object.assign(new Error('EBADF: the file is closed'), { code: 'EBADF' });
    this.#underWay += 1;
    try {
      return await call(this.#fd);
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#onIdle?.();
    }
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    const fd = this.#fd;
    this.#fd = CLOSED;
    if (inboxDisk.isFast()) inboxDisk.time(() => closeSync(fd));
    else await inThread.close(fd);
  }
}
