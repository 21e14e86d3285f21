import { observeReads, type Connection } from '../core/connection.js';

/** Bytes that show a sender at work: more than the pings of an hour, and less than the slowest content brings within the idle time. */
const NOTABLE_BYTES = 4096;

/** Returns the connection, and calls `onArrival` whenever another NOTABLE_BYTES have been read from it. */
export function noteArrivals(connection: Connection, onArrival: () => void): Connection {
  let bytes = 0;
  return observeReads(connection, (arrived) => {
    bytes += arrived;
    if (bytes < NOTABLE_BYTES) return;
    bytes = 0;
    onArrival();
  });
}
