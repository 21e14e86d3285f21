/** Lines on which the way to the receiver is dead or slow while the way back is good, on a clock of the test's own. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { wrapConnection, type Connection } from '../../src/core/connection.js';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import type { FtxError } from '../../src/core/errors.js';
import { DEFAULT_TIMEOUTS, MIN_BYTES_PER_SECOND, STATUS_INTERVAL_MS } from '../../src/protocol/constants.js';
import { createArrival } from '../../src/session/send/arrival.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemorySink } from '../support/memory-sink.js';
import { createMemorySource } from '../support/memory-source.js';
import { runReceiver, runSender } from '../support/session.js';

const idleMs = 10_000;
const PATIENT = { ...DEFAULT_TIMEOUTS, idleMs: 3_600_000 };
const HASTY = { ...DEFAULT_TIMEOUTS, idleMs };
/** Less than a packet: control frames get through. */
const SMALL_BYTES = 1300;
const STEPS = 200;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The connection; from the first part on that is larger than a packet, nothing that is written arrives. */
function dropLarge(connection: Connection, isTaken: boolean): Connection {
  let isStuck = false;
  let fail: (reason: Error) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => (fail = reject));
  broken.catch(() => undefined);
  return wrapConnection(connection, {
    write(parts) {
      isStuck ||= parts.some(({ length }) => length > SMALL_BYTES);
      if (!isStuck) return connection.write(parts);
      return isTaken ? Promise.resolve() : broken;
    },
    destroy(reason) {
      fail(reason);
      connection.destroy(reason);
    },
  });
}

/** The connection; what is written arrives in pieces of `bytes`, one each `everyMs`. */
function slowDown(connection: Connection, bytes: number, everyMs: number): Connection {
  let last = Promise.resolve();
  async function trickle(part: Uint8Array): Promise<void> {
    for (let at = 0; at < part.length; at += bytes) {
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      await connection.write([part.subarray(at, at + bytes)]);
    }
  }
  return wrapConnection(connection, {
    write(parts) {
      const all = parts.map((part) => Uint8Array.from(part));
      last = last.then(async () => {
        for (const part of all) await (part.length > SMALL_BYTES ? trickle(part) : connection.write([part]));
      });
      last.catch(() => undefined);
      return last;
    },
  });
}

/** A sender with little patience and a receiver with much. Resolves with what the sender ends in within `ms`, if it ends. */
async function sendOver(
  change: (connection: Connection) => Connection,
  bytes: number,
  ms: number,
  sink = createMemorySink(),
) {
  const [left, right] = connectionPair();
  const receiver = runReceiver(right, sink, PATIENT);
  const sender = runSender(change(left), [createMemorySource('a', new Uint8Array(bytes).fill(1))], HASTY);
  let ended: Awaited<typeof sender.result> | undefined;
  void sender.result.then((result) => (ended = result));
  // In steps, because each side also needs turns of the event loop.
  for (let step = 0; step < STEPS; step++) await vi.advanceTimersByTimeAsync(ms / STEPS);
  const result = ended;
  left.destroy(lost());
  await receiver.result;
  return result;
}

describe('a sender over a line that drops large packets', () => {
  it.each([
    ['of less than the system takes', 100_000, true],
    ['of many blocks that the system takes', 5 * BLOCK_BYTES, true],
    ['of a block that the system does not take', BLOCK_BYTES, false],
    ['of many blocks that the system does not take', 5 * BLOCK_BYTES, false],
  ])('gives up a file %s after its own limit, although the receiver goes on reporting', async (_, bytes, isTaken) => {
    const result = await sendOver(
      (connection) => dropLarge(connection, isTaken),
      bytes,
      idleMs + 3 * STATUS_INTERVAL_MS,
    );
    expect(result).toMatchObject({ code: 'timeout' });
    expect((result as FtxError).message).toMatch(/answers, but has got nothing .* for 10 s\. .*MTU/);
  });

  it('sends a file that fits into a packet', async () => {
    const result = await sendOver((connection) => dropLarge(connection, false), 500, 1000);
    expect(result).toMatchObject({ stored: 1 });
  });
});

describe('a sender over a slow line', () => {
  it.each([
    ['at the slowest pace', MIN_BYTES_PER_SECOND + 24, 1000],
    ['that moves now and then', 16_000, 0.9 * idleMs],
  ])('%s is never late', async (_, bytes, everyMs) => {
    const whole = 30 * bytes;
    const result = await sendOver((connection) => slowDown(connection, bytes, everyMs), whole, 35 * everyMs);
    expect(result).toMatchObject({ stored: 1 });
  });
});

it('a sender waits for the disk of a receiver longer than for its line', async () => {
  const sink = createMemorySink();
  const slow = {
    ...sink,
    async open(...offer: Parameters<typeof sink.open>) {
      const part = await sink.open(...offer);
      if (part.state !== 'part') return part;
      const wait = () => new Promise((resolve) => setTimeout(resolve, 5 * idleMs));
      return { ...part, write: (...block: Parameters<typeof part.write>) => wait().then(() => part.write(...block)) };
    },
  };
  const result = await sendOver((connection) => connection, 12 * BLOCK_BYTES, 2000 * idleMs, slow);
  expect(result).toMatchObject({ stored: 1 });
});

describe('reports of a receiver', () => {
  function judge() {
    const channel = { address: { host: 'far', port: 1 }, traffic: { sent: 5000, received: 0 }, destroy: vi.fn() };
    const arrival = createArrival(channel, idleMs);
    const shares = { network: 100, disk: 0, cpu: 0 };
    return { channel, note: (received?: number) => arrival.note({ type: 'status', id: 0, shares, received }) };
  }

  it('that come late because this process was asleep do not count as a wait', () => {
    const { channel, note } = judge();
    for (let n = 0; n < 4; n++) {
      note(100);
      vi.advanceTimersByTime(3_600_000);
    }
    note(100);
    expect(channel.destroy).not.toHaveBeenCalled();
  });

  it('of an older version, which say nothing of what has arrived, are not judged', () => {
    const { channel, note } = judge();
    for (let n = 0; n < 1000; n++) {
      note();
      vi.advanceTimersByTime(STATUS_INTERVAL_MS);
    }
    expect(channel.destroy).not.toHaveBeenCalled();
  });

  it('that everything has arrived are no reason to give up', () => {
    const { channel, note } = judge();
    for (let n = 0; n < 1000; n++) {
      note(5000);
      vi.advanceTimersByTime(STATUS_INTERVAL_MS);
    }
    expect(channel.destroy).not.toHaveBeenCalled();
  });
});
