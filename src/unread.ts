/** Bytes put back into a Connection. */
import type { Connection } from './ports.js';

/** The connection, with `bytes` that were read from it, not empty, to be read once more. */
export function unread(connection: Connection, bytes: Uint8Array): Connection {
  let held: Uint8Array | undefined = bytes;
  return {
    peer: connection.peer,
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
    write: (parts) => connection.write(parts),
    end: () => connection.end(),
    destroy: (reason) => connection.destroy(reason),
  };
}
