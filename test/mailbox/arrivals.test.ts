import { expect, it } from 'vitest';
import { noteArrivals } from '../../src/mailbox/arrivals.js';
import { encodeControl } from '../../src/protocol/codec.js';
import { DEFAULT_TIMEOUTS, MIN_BYTES_PER_SECOND } from '../../src/protocol/constants.js';
import { scriptedConnection } from '../support/memory-connection.js';

async function countNotes(parts: readonly Uint8Array[]): Promise<number> {
  let notes = 0;
  const { connection } = scriptedConnection(parts);
  const noted = noteArrivals(connection, () => (notes += 1));
  while (await noted.read());
  return notes;
}

const PING = encodeControl({ type: 'ping', id: 0 });

it('the signs of life of an hour are nothing to note', async () => {
  const perHour = 3_600_000 / (DEFAULT_TIMEOUTS.idleMs / 4);
  expect(await countNotes(Array.from({ length: perHour }, () => PING))).toBe(0);
});

it('the slowest content is noted well within the idle time, however small its pieces', async () => {
  const bytes = MIN_BYTES_PER_SECOND * (DEFAULT_TIMEOUTS.idleMs / 4000);
  expect(await countNotes(Array.from({ length: bytes }, () => Uint8Array.of(1)))).toBeGreaterThanOrEqual(1);
});
