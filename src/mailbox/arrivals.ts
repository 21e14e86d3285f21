import { observeReads, type Connection } from '../core/connection.js';

/** More than the pings of a quiet sender add up to in an hour, and less than the slowest content brings in that time. */
const NOTABLE_BYTES = 4096;

/** The connection; `onArrival` is called whenever another NOTABLE_BYTES have been read from it. */
export function noteArrivals(connection: Connection, onArrival: () => void): Connection {
  let bytes = 0;
  return observeReads(connection, (arrived) => {
    bytes += arrived;
    if (bytes < NOTABLE_BYTES) return;
    bytes = 0;
    onArrival();
  });
}
