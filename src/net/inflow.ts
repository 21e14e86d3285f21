/** What has come over a connection and nobody has read yet, and who waits for more. */

/** Bytes that may wait to be read before no more are taken in. */
const MAX_UNREAD_BYTES = 256 * 1024;

interface Reader {
  /** Returns how many of the bytes it has taken; it takes all of them, or is done. */
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

  /** Hands bytes to who waits for them and queues the others, shared memory as a copy. False when no more are to come until it is empty. */
  push(bytes: Uint8Array, isShared: boolean): boolean {
    const rest = bytes.subarray(this.#reader?.take(bytes, isShared) ?? 0);
    if (rest.length > 0 && !this.#failure) {
      this.#queue.push(isShared ? new Uint8Array(rest) : rest);
      this.#unread += rest.length;
    }
    return this.#unread < MAX_UNREAD_BYTES;
  }

  /** The peer has ended; once something has failed, that is what every read is told. */
  end(): void {
    if (this.#failure) return;
    this.#ended = true;
    this.#reader?.end();
  }

  /** The first reason is the one that every later read is told; what is queued can still be read. */
  fail(reason: Error): void {
    this.#failure ??= reason;
    this.#reader?.reject(this.#failure);
  }

  /** Forgets what is queued, and the end. */
  clear(): void {
    this.takeAll();
    this.#ended = false;
  }

  /** Everything queued, in order. */
  takeAll(): Uint8Array[] {
    this.#unread = 0;
    return this.#queue.splice(0);
  }

  /** As Connection.read. */
  read(): Promise<Uint8Array | undefined> {
    const bytes = this.#queue.shift();
    this.#unread -= bytes?.length ?? 0;
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
      this.#unread -= taken;
      if (taken < part.length) this.#queue.unshift(part.subarray(taken));
    }
  }

  /** Until the reader resolves, or the connection fails. */
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
