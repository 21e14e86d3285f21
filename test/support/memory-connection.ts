import { FtxError } from '../../src/core/errors.js';
import type { Connection } from '../../src/core/connection.js';

/** Bytes one direction holds before a write waits for the reader. */
const CAPACITY_BYTES = 256 * 1024;

/** One direction. */
class Pipe {
  readonly #queue: Uint8Array[] = [];
  #held = 0;
  #writerGone: Error | 'ended' | undefined;
  #readerGone: Error | undefined;
  #reader: (() => void) | undefined;
  #writers: (() => void)[] = [];

  async push(parts: readonly Uint8Array[]): Promise<void> {
    this.#throwIfClosed();
    for (const part of parts) {
      this.#queue.push(Uint8Array.from(part));
      this.#held += part.length;
    }
    this.#reader?.();
    while (this.#held > CAPACITY_BYTES) {
      await new Promise<void>((resolve) => this.#writers.push(resolve));
      this.#throwIfClosed();
    }
  }

  async pull(most = Infinity): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#readerGone) throw this.#readerGone;
      const whole = this.#queue.shift();
      const part = whole?.subarray(0, most);
      if (whole && part && part.length < whole.length) this.#queue.unshift(whole.subarray(part.length));
      if (part || this.#writerGone) {
        this.#held -= part?.length ?? 0;
        if (this.#held <= CAPACITY_BYTES) this.#wakeWriters();
        return part;
      }
      await new Promise<void>((resolve) => (this.#reader = resolve));
    }
  }

  /** The writer's side ends; what is queued can still be read. */
  end(reason: Error | 'ended'): void {
    this.#writerGone ??= reason;
    this.#reader?.();
    this.#wakeWriters();
  }

  /** The reader's side is dropped. */
  abandon(reason: Error): void {
    this.#readerGone ??= reason;
    this.#reader?.();
    this.#wakeWriters();
  }

  #throwIfClosed(): void {
    if (this.#writerGone instanceof Error) throw this.#writerGone;
    if (this.#readerGone) throw lost();
  }

  #wakeWriters(): void {
    for (const wake of this.#writers.splice(0)) wake();
  }
}

function endpoint(host: string, incoming: Pipe, outgoing: Pipe): Connection {
  return {
    address: { host, port: 1 },
    read: () => incoming.pull(),
    readInto: async (target, onBytes) => put((await incoming.pull(target.length)) ?? NOTHING, target, onBytes),
    write: (parts) => outgoing.push(parts),
    end: () => outgoing.end('ended'),
    destroy(reason) {
      incoming.abandon(reason);
      outgoing.end(reason);
    },
  };
}

const NOTHING = new Uint8Array(0);

function put(part: Uint8Array, target: Uint8Array, onBytes: (bytes: number) => void): number {
  target.set(part);
  onBytes(part.length);
  return part.length;
}

/** Two Connections joined in memory. */
export function connectionPair(): [Connection, Connection] {
  const there = new Pipe();
  const back = new Pipe();
  return [endpoint('right', back, there), endpoint('left', there, back)];
}

/** A Connection that reads `parts` one by one, then ends or waits, and collects what is written. */
export function scriptedConnection(parts: readonly Uint8Array[], atEnd: 'end' | 'wait' = 'end') {
  const left = [...parts];
  const written: Uint8Array[] = [];
  let failure: Error | undefined;
  let fail: (reason: Error) => void = () => undefined;
  function read(): Promise<Uint8Array | undefined> {
    if (failure) return Promise.reject(failure);
    const part = left.shift();
    if (part || atEnd === 'end') return Promise.resolve(part);
    return new Promise((_, reject) => (fail = reject));
  }
  const connection: Connection = {
    address: { host: 'script', port: 1 },
    read,
    async readInto(target, onBytes) {
      const whole = (await read()) ?? NOTHING;
      const part = whole.subarray(0, target.length);
      if (part.length < whole.length) left.unshift(whole.subarray(part.length));
      return put(part, target, onBytes);
    },
    write(more) {
      if (failure) return Promise.reject(failure);
      for (const part of more) written.push(Uint8Array.from(part));
      return Promise.resolve();
    },
    end: () => undefined,
    destroy(reason) {
      failure ??= reason;
      fail(failure);
    },
  };
  return { connection, written: () => Buffer.concat(written) };
}

export const lost = () => new FtxError('lost', 'the test dropped the connection');
