/** The same sender comes back with the same file while its older session looks alive. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BLOCK_BYTES, type Entry } from '../../src/core/entry.js';
import { digestBlock } from '../../src/core/checksum.js';
import type { Bringer } from '../../src/core/inbox.js';
import { createChannel, type Channel } from '../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemoryStore } from '../support/memory-inbox.js';
import { createMemorySink } from '../support/memory-sink.js';
import { runReceiver } from '../support/session.js';

const FILM: Entry = { path: 'film', kind: 'file', size: 2 * BLOCK_BYTES, mtimeNs: 0n, mode: 0o644 };
const BLOCK = new Uint8Array(BLOCK_BYTES);
const ANN: Bringer = { kind: 'key', id: `sha256:${'a'.repeat(64)}` };
const BOB: Bringer = { kind: 'key', id: `sha256:${'b'.repeat(64)}` };
const NOBODY: Bringer = { kind: 'none', address: '192.0.2.7' };
const [ONE, TWO] = ['1'.repeat(32), '2'.repeat(32)] as const;

const channels: Channel[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const channel of channels.splice(0)) channel.destroy(lost());
});

const store = createMemoryStore();

/** A session of its own over one store. */
async function connect(bringer: Bringer, transfer?: string): Promise<Channel> {
  const [left, right] = connectionPair();
  const sink = createMemorySink({ entries: store.entries, keep: { kept: store.kept, bringer } });
  runReceiver(right, sink, undefined, undefined, bringer);
  const channel = createChannel(left, DEFAULT_TIMEOUTS);
  await channel.greet({ agent: 'test', capabilities: [], transfer });
  channels.push(channel);
  return channel;
}

const offer = (channel: Channel, id = 1) => channel.send({ type: 'offer', id, entry: FILM });
const sendBlock = (channel: Channel, offset: number) =>
  channel.sendBlock({ type: 'data', id: 1, offset, digest: digestBlock(BLOCK), length: BLOCK_BYTES }, BLOCK);

/** An older session that has brought one block of the film. */
async function begin(bringer: Bringer, transfer?: string): Promise<Channel> {
  store.entries.clear();
  store.kept.clear();
  const older = await connect(bringer, transfer);
  await offer(older);
  expect(await older.receive()).toMatchObject({ type: 'ready', offset: 0 });
  await sendBlock(older, 0);
  await new Promise(setImmediate);
  return older;
}

describe('a second session of the same transfer', () => {
  it.each([
    ['with a key', ANN],
    ['without a key', NOBODY],
  ])('goes on at once from what has arrived (%s)', async (_, bringer) => {
    const older = await begin(bringer, ONE);
    const newer = await connect(bringer, ONE);
    await offer(newer);
    expect(await older.receive()).toMatchObject({ type: 'error', id: 1, code: 'busy' });
    expect(await newer.receive()).toMatchObject({ type: 'ready', offset: BLOCK_BYTES, have: true });
  });

  it('does not take over an entry of its own session', async () => {
    const only = await begin(ANN, ONE);
    await offer(only, 2);
    expect(await only.receive()).toMatchObject({ type: 'ready', id: 2 });
  });
});

describe('a session of another transfer', () => {
  it('of the same sender waits while the older one moves, and takes over once it stands still', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const older = await begin(ANN, ONE);
    const newer = await connect(ANN, TWO);
    await offer(newer);
    let answer: unknown;
    void newer.receive().then(
      (message) => (answer = message),
      () => undefined,
    );
    await vi.advanceTimersByTimeAsync(4_000);
    expect(answer).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(answer).toMatchObject({ type: 'ready', offset: BLOCK_BYTES });
    expect(await older.receive()).toMatchObject({ type: 'error', id: 1, code: 'busy' });
  });

  it.each([
    ['another key', ANN, BOB],
    ['no key', NOBODY, NOBODY],
  ])('with %s neither waits nor takes over', async (_, first, second) => {
    const older = await begin(first, ONE);
    const newer = await connect(second, TWO);
    await offer(newer);
    expect(await newer.receive()).toMatchObject({ type: 'ready', offset: 0 });
    await sendBlock(older, BLOCK_BYTES);
    await older.send({ type: 'goodbye', id: 0 });
    expect(await older.receive()).toMatchObject({ type: 'error', id: 0, code: 'protocol' });
  });
});
