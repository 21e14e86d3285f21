import type { Connection } from '../core/connection.js';

/** More than signs of life come to in any time that matters, and less than the slowest content. */
const NOTABLE_BYTES = 4096;

/** The connection; `onArrival` hears of it whenever something notable has been read from it. */
export function noteArrivals(connection: Connection, onArrival: () => void): Connection {
  let bytes = 0;
  function note(arrived: number): void {
    bytes += arrived;
    if (bytes < NOTABLE_BYTES) return;
    bytes = 0;
    onArrival();
  }
  return {
    peer: connection.peer,
    async read() {
      const part = await connection.read();
      note(part?.length ?? 0);
      return part;
    },
    readInto: (target, onBytes) =>
      connection.readInto(target, (arrived) => {
        note(arrived);
        onBytes(arrived);
      }),
    write: (parts) => connection.write(parts),
    end: () => connection.end(),
    destroy: (reason) => connection.destroy(reason),
  };
}
