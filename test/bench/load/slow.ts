/**
 * `slow PORT BYTES_PER_SECOND`: a sender that sends no faster than that, and does not come to an end.
 * Writes `moving` once its content is under way.
 */
import { createSha256 } from '../../../src/client/sha256.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { dial } from '../../../src/net/dial.js';
import type { Connection } from '../../../src/core/connection.js';
import { DEFAULT_TIMEOUTS } from '../../../src/protocol/constants.js';
import { greetReceiver } from '../../../src/session/send/greet.js';
import { sendSession } from '../../../src/session/send/sender.js';
import { createTally } from '../../../src/session/tally.js';
import { HOST } from '../ports.js';
import { GIB } from '../sizes.js';
import { memorySource, only } from './memory-source.js';

const STEP_MS = 100;
/** Greeting, hello and offer are less: what comes after them is content. */
const CONTROL_BYTES = 2000;

const [port = 0, rate = 0] = process.argv.slice(2).map(Number);

/** The same connection with writes that take as long as they would at `bytesPerSecond`. */
function slowDown(connection: Connection, bytesPerSecond: number, onBytes: (sum: number) => void): Connection {
  const step = Math.ceil((bytesPerSecond * STEP_MS) / 1000);
  let sum = 0;
  let last = Promise.resolve();
  const writeSlowly = async (part: Uint8Array) => {
    for (let at = 0; at < part.length; at += step) {
      await sleep(STEP_MS);
      await connection.write([part.subarray(at, at + step)]);
      onBytes((sum += Math.min(step, part.length - at)));
    }
  };
  return {
    address: connection.address,
    read: () => connection.read(),
    readInto: (target, onBytes) => connection.readInto(target, onBytes),
    // Writes wait for each other: the session may ask for several at once.
    write: (parts) => (last = parts.reduce((before, part) => before.then(() => writeSlowly(part)), last)),
    end: () => connection.end(),
    destroy: (reason) => connection.destroy(reason),
  };
}

const { signal } = new AbortController();
let isMoving = false;
const connection = slowDown(await dial({ host: HOST, port, timeoutMs: 10_000, signal }), rate, (sum) => {
  if (!isMoving && sum > CONTROL_BYTES) console.log('moving');
  isMoving ||= sum > CONTROL_BYTES;
});
const tally = createTally(1, undefined);
const timeouts = DEFAULT_TIMEOUTS;
const greeted = await greetReceiver(connection, { timeouts, signal });
await sendSession(greeted, () => only(memorySource('slow.bin', GIB)), { tally, timeouts, createSha256, signal });
