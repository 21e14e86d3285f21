/** The same sender comes back with the same file while its older session looks alive. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../src/core/connection.js';
import { BLOCK_BYTES, type Entry } from '../../src/core/entry.js';
import { createFileDigest, digestBlock } from '../../src/core/checksum.js';
import type { Bringer } from '../../src/core/inbox.js';
import type { Sink } from '../../src/core/sink.js';
import { createChannel, type Channel } from '../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemoryStore } from '../support/memory-inbox.js';
import { createMemorySink, type MemorySinkOptions } from '../support/memory-sink.js';
import { createMemorySource } from '../support/memory-source.js';
import { greetAs, runReceiver, runSender, type SenderRun } from '../support/session.js';

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
async function connect(bringer: Bringer, transfer?: string, capabilities: readonly string[] = []): Promise<Channel> {
  const channel = createChannel(openSession(bringer).connection, DEFAULT_TIMEOUTS);
  await channel.greet({ agent: 'test', capabilities, transfer });
  channels.push(channel);
  return channel;
}

/** A session of its own over the store, and the sender's end of it. */
function openSession(bringer: Bringer, options: MemorySinkOptions = {}) {
  const [connection, right] = connectionPair();
  const { entries, kept } = store;
  const sink = createMemorySink({ ...options, entries, keep: { kept, bringer } });
  return { connection, receiver: runReceiver(right, sink, undefined, undefined, bringer) };
}

const offer = (channel: Channel, id = 1) => channel.send({ type: 'offer', id, entry: FILM });
const sendBlock = (channel: Channel, offset: number) =>
  channel.sendBlock({ type: 'data', id: 1, offset, digest: digestBlock(BLOCK), length: BLOCK_BYTES }, BLOCK);

/** An older session that has brought one block of the film. */
async function begin(bringer: Bringer, transfer?: string, capabilities?: readonly string[]): Promise<Channel> {
  store.entries.clear();
  store.kept.clear();
  const older = await connect(bringer, transfer, capabilities);
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

it('a file of which an older session reads again what is there moves all the while, and is work for its sender', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  store.entries.clear();
  const digest = digestBlock(BLOCK);
  let work = 0;
  const memory = createMemorySink({ entries: store.entries });
  const sink: Sink = {
    ...memory,
    async open(...given) {
      const part = await memory.open(...given);
      if (part.state !== 'part') return part;
      await part.write(BLOCK, 0);
      await part.write(BLOCK, BLOCK_BYTES);
      const readAgain = async (target: Uint8Array) => {
        target.set(BLOCK.subarray(0, target.length));
        // 16 reads are a block, which so takes four seconds.
        await new Promise((resolve) => setTimeout(resolve, 250));
      };
      return { ...part, durable: [digest, digest], readAgain };
    },
  };
  const connectTo = async (transfer: string) => {
    const [left, right] = connectionPair();
    runReceiver(right, { ...memory, ...sink }, undefined, undefined, ANN, () => (work += 1));
    const channel = createChannel(left, DEFAULT_TIMEOUTS);
    await channel.greet({ agent: 'test', capabilities: [], transfer });
    channels.push(channel);
    await offer(channel);
    return channel;
  };
  const older = await connectTo(ONE);
  expect(await older.receive()).toMatchObject({ type: 'ready', offset: 2 * BLOCK_BYTES });
  expect(await older.receive()).toMatchObject({ type: 'have' });
  const ofAll = createFileDigest();
  for (const block of [digest, digest]) ofAll.add(block);
  await older.send({ type: 'end', id: 1, digest: ofAll.value(), size: 2 * BLOCK_BYTES });
  const newer = await connectTo(TWO);
  // The offer counts too.
  const before = work;
  await vi.advanceTimersByTimeAsync(7_000);
  expect(work).toBe(before + 1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(work).toBeGreaterThan(before + 1);
  expect(await older.receive()).toMatchObject({ type: 'stored', already: false });
  expect(await newer.receive()).toMatchObject({ type: 'ready' });
});

describe('an older session that lives', () => {
  const content = new Uint8Array(2 * BLOCK_BYTES).fill(7);
  const entry: Entry = { ...FILM, path: 'live' };
  const own = (offset: number) => content.subarray(offset, offset + BLOCK_BYTES);
  const send = (channel: Channel, offset: number) =>
    channel.sendBlock(
      { type: 'data', id: 1, offset, digest: digestBlock(own(offset)), length: BLOCK_BYTES },
      own(offset),
    );

  /** A sender that brings one block and then waits for its source, until it may go on. */
  function startStalled(connection: Connection) {
    let goOn: () => void = () => undefined;
    let isStalled = true;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const source = createMemorySource('live', content);
    const stalled = {
      ...source,
      async *blocks(from: number) {
        for await (const block of source.blocks(from)) {
          yield block;
          if (isStalled) await gate;
          isStalled = false;
        }
      },
    };
    return { ...runSender(connection, [stalled]), goOn: () => goOn() };
  }

  /** Resolves when the older sender has brought one block, and a newer one has taken the file over. */
  async function beTakenOver(options: MemorySinkOptions) {
    store.entries.clear();
    store.kept.clear();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
    const { connection, receiver } = openSession(ANN, options);
    const older = startStalled(connection);
    await vi.waitFor(() => expect(receiver.events).toContainEqual(expect.objectContaining({ type: 'progress' })));
    const newer = await connect(ANN, TWO);
    await newer.send({ type: 'offer', id: 1, entry });
    await vi.advanceTimersByTimeAsync(6_000);
    expect(await newer.receive()).toMatchObject({ type: 'ready', offset: BLOCK_BYTES, have: true });
    expect(await newer.receive()).toMatchObject({ type: 'have' });
    older.goOn();
    return { older, newer, receiver };
  }

  it.each<[string, MemorySinkOptions]>([
    ['proves that it has the content', {}],
    ['sends it, as a stranger', { isKnown: false }],
    ['is the second of a receiver that replaces nothing', { onConflict: 'fail' }],
  ])('hears that the file is stored already when the newer one has stored it (%s)', async (_, options) => {
    const { older, newer, receiver } = await beTakenOver(options);
    await send(newer, BLOCK_BYTES);
    await newer.send({ type: 'end', id: 1, digest: digestOf(), size: content.length });
    expect(await newer.receive()).toMatchObject({ type: 'stored', already: false });
    await expectStored(older, true);
    expect(await receiver.result).toMatchObject({ stored: 1, failed: 0 });
    expect([...store.entries.keys()]).toEqual(['live']);
  });

  it('goes on from what has arrived when the newer one fails', async () => {
    const { older, newer } = await beTakenOver({});
    newer.destroy(lost());
    await expectStored(older, false);
    expect(older.events).toContainEqual(expect.objectContaining({ type: 'resumed', bytes: BLOCK_BYTES }));
    expect([...store.entries.keys()]).toEqual(['live']);
  });

  it('does not take the file back while the newer one is there, however still that is', async () => {
    const { older, newer } = await beTakenOver({});
    let result: unknown;
    void older.result.then((told) => (result = told));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(result).toBeUndefined();
    await send(newer, BLOCK_BYTES);
    await newer.send({ type: 'end', id: 1, digest: digestOf(), size: content.length });
    expect(await newer.receive()).toMatchObject({ type: 'stored', already: false });
    await expectStored(older, true);
  });

  it('and cannot follow fails as busy', async () => {
    const older = await begin(ANN, ONE);
    const newer = await connect(ANN, ONE);
    await offer(newer);
    const { follow } = (await older.receive()) as { follow?: boolean };
    expect(follow).toBeUndefined();
  });

  async function expectStored({ result, events }: SenderRun, already: boolean): Promise<void> {
    expect(await result).toMatchObject({ stored: 1, failed: 0 });
    expect(events).toContainEqual(expect.objectContaining({ type: 'stored', already }));
  }

  /** The digest that a sender tells of the content. */
  function digestOf(): string {
    const digest = createFileDigest();
    for (const offset of [0, BLOCK_BYTES]) digest.add(digestBlock(own(offset)));
    return digest.value();
  }
});

it('a sender that is told to follow without end gives up', async () => {
  const [left, right] = connectionPair();
  const sender = runSender(left, [createMemorySource('live', new Uint8Array(5))]);
  const receiver = await greetAs('receiver', right);
  channels.push(receiver);
  let offers = 0;
  for (let message; (message = await receiver.receive())?.type === 'offer'; offers += 1)
    await receiver.send({ type: 'error', id: message.id, code: 'busy', message: 'Another one has it.', follow: true });
  await receiver.send({ type: 'goodbye', id: 0 });
  expect(offers).toBe(17);
  expect(await sender.result).toMatchObject({ stored: 0, failed: 1 });
  expect(sender.events).toContainEqual(expect.objectContaining({ type: 'failed', code: 'busy' }));
});
