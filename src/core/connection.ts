/** The contract of a two-way byte stream, and the wrappers around one. TCP, TLS and a memory pair are Connections. */
import type { Address } from './address.js';

/** A two-way byte stream to one peer. */
export interface Connection {
  /** Where the peer is. */
  readonly address: Address;
  /**
   * The next bytes, or undefined once the peer has ended its side. One read at
   * a time; the bytes stay valid. Rejects with the first reason the connection
   * was destroyed for, or FtxError `lost`.
   */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Reads the next bytes to where they belong; `onBytes` hears of them as they
   * come. Resolves with how many there are: all of `target`, or fewer if those
   * were at hand or the peer has ended; 0 once it has. Rejects like read, and
   * leaves `target` alone from then on.
   */
  readInto(target: Uint8Array, onBytes: (bytes: number) => void): Promise<number>;
  /**
   * Queues the parts in order. Resolves when the operating system has taken
   * them, from when on the caller may reuse their memory. Rejects like read.
   */
  write(parts: readonly Uint8Array[]): Promise<void>;
  /** Ends this side after what is queued; the peer's side stays readable. */
  end(): void;
  /** Drops the connection at once; the first reason wins and rejects every wait. */
  destroy(reason: Error): void;
}

/** The connection, with `changes` in the place of its own methods. */
export function wrapConnection(connection: Connection, changes: Partial<Connection>): Connection {
  return {
    address: connection.address,
    read: () => connection.read(),
    readInto: (target, onBytes) => connection.readInto(target, onBytes),
    write: (parts) => connection.write(parts),
    end: () => connection.end(),
    destroy: (reason) => connection.destroy(reason),
    ...changes,
  };
}

/** The connection; `onBytes` is told the number of bytes that have come, for each part of a read. */
export function observeReads(connection: Connection, onBytes: (bytes: number) => void): Connection {
  return wrapConnection(connection, {
    async read() {
      const part = await connection.read();
      if (part) onBytes(part.length);
      return part;
    },
    readInto: (target, onPart) =>
      connection.readInto(target, (bytes) => {
        onBytes(bytes);
        onPart(bytes);
      }),
  });
}

/** The connection; `onBytes` is told the number of bytes of each write when it begins. */
export function observeWrites(connection: Connection, onBytes: (bytes: number) => void): Connection {
  return wrapConnection(connection, {
    write(parts) {
      for (const { length } of parts) onBytes(length);
      return connection.write(parts);
    },
  });
}

/** The connection, which first reads `bytes` once more. They were read from it, and are not empty. */
export function pushBack(connection: Connection, bytes: Uint8Array): Connection {
  let held: Uint8Array | undefined = bytes;
  return wrapConnection(connection, {
    read() {
      if (!held) return connection.read();
      const first = held;
      held = undefined;
      return Promise.resolve(first);
    },
    readInto(target, onBytes) {
      if (!held) return connection.readInto(target, onBytes);
      const part = held.subarray(0, target.length);
      target.set(part);
      held = part.length < held.length ? held.subarray(part.length) : undefined;
      onBytes(part.length);
      return Promise.resolve(part.length);
    },
  });
}
