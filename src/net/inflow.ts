/** The reading half of a connection: bytes that have come and are not read yet, or the one reader that waits for more. */

/** As many bytes may wait to be read. With more of them, the connection is paused. */
const MAX_UNREAD_BYTES = 256 * 1024;
/** As many bytes may wait in all connections together. With more of them, only what a reader waits for is taken. */
const MAX_UNREAD_IN_ALL = 32 * 1024 * 1024;

/** Process-wide: bytes that have come and are not read yet. */
let unreadInAll = 0;

/** Whether so much waits in all connections that each should take little at once. */
export function isCrowded(): boolean {
  return unreadInAll >= MAX_UNREAD_IN_ALL / 2;
}

/** A read that waits for bytes. */
interface Reader {
  /** Takes bytes and returns how many. A reader that leaves some has what it needs, and does not wait any more. */
  take(bytes: Uint8Array, isShared: boolean): number;
  end(): void;
  reject(reason: Error): void;
}

export class Inflow {
  readonly #queue: Uint8Array[] = [];
  #unread = 0;
  #ended = false;
  #failure: Error | undefined;
  #reader: Reader | undefined;

  /** Whether nothing waits to be read. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Whether the peer has ended its side. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /**
   * Gives the bytes to the waiting reader and queues the rest. `isShared`: the
   * memory is valid during the call only, so what is queued is a copy. Returns
   * false when the caller should pause until the queue is empty.
   */
  push(bytes: Uint8Array, isShared: boolean): boolean {
    const rest = bytes.subarray(this.#reader?.take(bytes, isShared) ?? 0);
    if (rest.length > 0 && !this.#failure) {
      this.#queue.push(isShared ? new Uint8Array(rest) : rest);
      this.#count(rest.length);
    }
    // A reader that still waits has left nothing in the queue, and must not wait for ever.
    return this.#unread < MAX_UNREAD_BYTES && (this.#unread === 0 || unreadInAll < MAX_UNREAD_IN_ALL);
  }

  #count(bytes: number): void {
    this.#unread += bytes;
    unreadInAll += bytes;
  }

  /** The peer has ended its side. Does nothing after fail, whose reason every read gets. */
  end(): void {
    if (this.#failure) return;
    this.#ended = true;
    this.#reader?.end();
  }

  /** Rejects the waiting reader, and every read after what is queued. The reason of the first call counts. */
  fail(reason: Error): void {
    this.#failure ??= reason;
    this.#reader?.reject(this.#failure);
  }

  /** Discards what is queued, and forgets that the peer has ended. */
  clear(): void {
    this.takeAll();
    this.#ended = false;
  }

  /** Removes all bytes from the queue and returns them in order. */
  takeAll(): Uint8Array[] {
    this.#count(-this.#unread);
    return this.#queue.splice(0);
  }

  /** As Connection.read. */
  read(): Promise<Uint8Array | undefined> {
    const bytes = this.#queue.shift();
    this.#count(-(bytes?.length ?? 0));
    if (bytes || this.#ended) return Promise.resolve(bytes);
    return this.#wait((resolve) => ({
      take(part, isShared) {
        resolve(isShared ? new Uint8Array(part) : part);
        return part.length;
      },
      end: () => resolve(undefined),
    }));
  }

  /** As Connection.readInto. */
  readInto(target: Uint8Array, onBytes: (bytes: number) => void): Promise<number> {
    let filled = 0;
    const fill = (part: Uint8Array) => {
      const taken = part.subarray(0, target.length - filled);
      target.set(taken, filled);
      filled += taken.length;
      onBytes(taken.length);
      return taken.length;
    };
    this.#fillFromQueue(target.length, fill);
    if (filled === target.length || this.#ended) return Promise.resolve(filled);
    return this.#wait((resolve) => ({
      take(part) {
        const taken = fill(part);
        if (filled === target.length) resolve(filled);
        return taken;
      },
      end: () => resolve(filled),
    }));
  }

  #fillFromQueue(length: number, fill: (part: Uint8Array) => number): void {
    for (let left = length; left > 0;) {
      const part = this.#queue.shift();
      if (!part) return;
      const taken = fill(part);
      left -= taken;
      this.#count(-taken);
      if (taken < part.length) this.#queue.unshift(part.subarray(taken));
    }
  }

  /** Makes a reader and waits until it resolves, or the connection fails. */
  #wait<T>(read: (resolve: (value: T) => void) => Omit<Reader, 'reject'>): Promise<T> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const done = (value: T) => {
        this.#reader = undefined;
        resolve(value);
      };
      this.#reader = {
        ...read(done),
        reject: (reason) => {
          this.#reader = undefined;
          reject(reason);
        },
      };
    });
  }
}
