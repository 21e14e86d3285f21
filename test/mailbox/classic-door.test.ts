/** A classic sender that is slow, at a receiver whose places are all taken: it keeps its place while its content moves. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createAdmission } from '../../src/mailbox/admission.js';
import { createClassicDoor } from '../../src/mailbox/classic-door.js';
import type { Visit } from '../../src/mailbox/door.js';
import { withDefaults } from '../../src/mailbox/options.js';
import { DEFAULT_TIMEOUTS, MIN_BYTES_PER_SECOND } from '../../src/protocol/constants.js';
import { connectionPair } from '../support/memory-connection.js';
import { createMemoryInbox, createMemoryStore } from '../support/memory-inbox.js';

const { idleMs } = DEFAULT_TIMEOUTS;
const SIZE = 512 * 1024;
const MAX_SIZE = 2 ** 30;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A classic sender that has announced its size and heard `ready`, at a receiver with one place, which others want. */
async function begin() {
  const admission = createAdmission({ maxGuests: 1, maxStrangers: 8, quietMs: idleMs, now: () => performance.now() });
  const [script, accepted] = connectionPair();
  const stop = new AbortController();
  let isDropped = false;
  const guest = admission.admit({ host: '192.0.2.1', port: 1 }, () => (isDropped = true));
  if (!guest) throw new Error('no place');
  const visit: Visit = {
    connection: accepted as never,
    ...{ guest, stop, since: performance.now(), hasOffered: false },
  };
  const store = createMemoryStore();
  const options = withDefaults({ dir: 'in', maxSize: MAX_SIZE });
  const door = createClassicDoor({ inbox: createMemoryInbox(store, MAX_SIZE), options, timeouts: DEFAULT_TIMEOUTS });
  const caller = { caller: 'classic', connection: accepted, first: new Uint8Array(0) } as const;
  const result = door.serve(caller, visit, () => 1);
  void script.write([Buffer.from(String(SIZE))]);
  await vi.advanceTimersByTimeAsync(300);
  await script.read();
  /** Somebody else asks for the place. */
  const isKept = () => {
    admission.admit({ host: '192.0.2.2', port: 1 }, () => undefined)?.release();
    return !isDropped;
  };
  return { script, result, isKept };
}

it.each([
  ['steadily, just above the slowest pace', MIN_BYTES_PER_SECOND + 50, 1],
  ['in drops, after almost the idle time each', 100 * 1024, idleMs / 1000 - 1],
])('is served to the end when it sends %s', async (_, bytes, everySeconds) => {
  const { script, result, isKept } = await begin();
  for (let sent = 0; sent < SIZE; sent += bytes) {
    void script.write([Buffer.alloc(Math.min(bytes, SIZE - sent), 'c')]);
    for (let second = 0; second < everySeconds; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      expect(isKept()).toBe(true);
    }
  }
  script.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(await result).toMatchObject({ stored: 1, failed: 0, bytes: SIZE });
});

it('gives its place up when nothing has come for the idle time', async () => {
  const { script, result, isKept } = await begin();
  void script.write([Buffer.alloc(1000, 'c')]);
  await vi.advanceTimersByTimeAsync(idleMs - 1);
  expect(isKept()).toBe(true);
  await vi.advanceTimersByTimeAsync(1);
  expect(isKept()).toBe(false);
  script.end();
  expect(await result).toMatchObject({ stored: 0, failed: 1 });
});
