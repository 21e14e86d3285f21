/** The list before the first offer: PROTOCOL.md section 5, check; between two honest sides, and with either side hostile. */
import type { Verdict } from '../../src/protocol/item-json.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Entry } from '../../src/core/entry.js';
import type { Source } from '../../src/core/source.js';
import type { TransferEvent } from '../../src/core/events.js';
import type { Channel } from '../../src/protocol/channel.js';
import { CHECK_CAPABILITY, DEFAULT_TIMEOUTS, MAX_OPEN_CHECKS } from '../../src/protocol/constants.js';
import type { CheckedMessage, CheckMessage, ControlMessage, Message } from '../../src/protocol/messages.js';
import { measureMemory } from '../support/heap.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemorySink, type MemorySinkOptions } from '../support/memory-sink.js';
import { createMemoryDirectory, createMemorySource } from '../support/memory-source.js';
import { greetAs, runReceiver, runSender, transfer, type ReceiverRun, type SenderRun } from '../support/session.js';

const HELLO = Buffer.from('hello');
const FILE: Entry = { path: 'a', kind: 'file', size: 5, mtimeNs: 0n, mode: 0o644 };
const LIMITS = { offers: 4, size: 2 ** 40 };
const MAX_GROWTH = 64 * 1024 ** 2;
const channels: Channel[] = [];

afterEach(() => {
  for (const channel of channels.splice(0)) channel.destroy(lost());
  vi.useRealTimers();
});

const sourcesOf = (...paths: string[]) => paths.map((path) => createMemorySource(path, HELLO));
const told = (events: readonly TransferEvent[], ...types: TransferEvent['type'][]) =>
  events.filter(({ type }) => types.includes(type));

/** From now on the events are counted and not kept. */
function countOnly(events: TransferEvent[], type: TransferEvent['type']): () => number {
  let count = 0;
  events.push = (...more) => (count += more.filter((event) => event.type === type).length);
  return () => count;
}

async function ask(sources: readonly Source[], options: MemorySinkOptions = {}) {
  const [left, right] = connectionPair();
  const sender = runSender(left, sources, undefined, true);
  const receiver = runReceiver(right, createMemorySink(options));
  return { sent: await sender.result, received: await receiver.result, sender, receiver };
}

describe('a list', () => {
  it('tells every refusal before the first offer, and the sender does not offer refused entries', async () => {
    const sources = [...sourcesOf('a', '../b', 'c', 'CON', 'd/e'), createMemoryDirectory('d')];
    const { sent, received, sender, receiver } = await transfer(sources);
    expect(sent).toMatchObject({ stored: 4, refused: 2, firstFailure: { code: 'bad-name' } });
    expect(received).toMatchObject({ stored: 4, refused: 2 });
    for (const { events } of [sender, receiver]) {
      const order = events.flatMap((event) =>
        'path' in event && event.type !== 'progress' ? [`${event.type} ${event.path}`] : [event.type],
      );
      expect(order.slice(0, 7)).toEqual([
        'connected',
        'offered ../b',
        'refused ../b',
        'offered CON',
        'refused CON',
        'checked',
        'offered a',
      ]);
      expect(told(events, 'checked')).toMatchObject([{ entries: 6, bytes: 25, needed: 15, free: null, dryRun: false }]);
      expect(told(events, 'planned')).toEqual([]);
    }
  });

  it('leaves out only the refused entry of two with the same name', async () => {
    const sources = [createMemorySource('x', Buffer.alloc(100)), createMemorySource('x', HELLO)];
    const { sent, sink } = await transfer(sources, createMemorySink({ maxSize: 50 }));
    expect(sent).toMatchObject({ stored: 1, refused: 1 });
    expect(sink.entries.get('x')).toMatchObject({ content: Uint8Array.from(HELLO) });
  });

  it('is not sent for a single entry, nor for none', async () => {
    for (const sources of [sourcesOf('a'), []]) {
      const { sent, sender } = await transfer(sources);
      expect(sent).toMatchObject({ stored: sources.length });
      expect(told(sender.events, 'checked')).toEqual([]);
    }
  });

  it('that is larger than the free space ends the send before its first byte, after every refusal was told', async () => {
    const { sent, received, sender, sink } = await transfer(sourcesOf('a', '../b', 'c'), createMemorySink({ free: 9 }));
    expect(sent).toMatchObject({ code: 'no-space', message: 'There is no room for all.' });
    expect(received).toMatchObject({ stored: 0, refused: 1, failed: 1 });
    expect(told(sender.events, 'offered', 'refused')).toMatchObject([{ path: '../b' }, { path: '../b' }]);
    expect(sink.entries.size).toBe(0);
  });

  it('with too many entries is not read to its end', async () => {
    let made = 0;
    function* sources(): Generator<Source> {
      for (; made < 100_000; made++) yield createMemorySource(`a rather long name ${made}`, HELLO);
    }
    const { sent, sink } = await transfer({ [Symbol.iterator]: sources }, createMemorySink({ maxFiles: 10 }));
    expect(sent).toMatchObject({ code: 'too-many' });
    expect(made).toBeLessThan(10_000);
    expect(sink.entries.size).toBe(0);
  });

  it('of 100,000 entries takes many frames and little memory, also when all of them are refused', async () => {
    function* sources(): Generator<Source> {
      for (let number = 0; number < 100_000; number++) yield createMemorySource(`../${number}`, HELLO);
    }
    const [left, right] = connectionPair();
    const receiver = runReceiver(right);
    const sender = runSender(left, { [Symbol.iterator]: sources });
    const counts = [receiver, sender].map(({ events }) => countOnly(events, 'refused'));
    const before = measureMemory();
    await sender.result;
    expect(counts.map((count) => count())).toEqual([100_000, 100_000]);
    expect(measureMemory() - before).toBeLessThan(MAX_GROWTH);
  });

  it.each([
    ['the same', ['a', 'd/b', 'd'], ['a', 'd/b', 'd'], []],
    ['more, which came later', ['a', 'd'], ['a', 'd/new', 'd', 'e'], []],
    ['less, because a file is gone', ['a', 'd/b', 'd/c', 'd'], ['a', 'd/c', 'd'], ['d/b']],
    ['less, because a folder is gone', ['a', 'd/b', 'd'], ['a'], ['d/b', 'd']],
    ['another name for a file', ['a', 'b'], ['a', 'c'], ['b']],
    ['fewer of the same name', ['a', 'b', 'b'], ['a', 'b'], ['b']],
    ['more of the same name', ['a', 'b'], ['a', 'b', 'b'], []],
    ['nothing', ['a', 'b'], [], ['a', 'b']],
  ])('binds the offers: the second walk finds %s', async (_, listed, found, gone) => {
    const walks = [sourcesOf(...listed), sourcesOf(...found)];
    const { sent, sender } = await transfer({ [Symbol.iterator]: () => walks.shift()![Symbol.iterator]() });
    expect(sent).toMatchObject({ stored: listed.length - gone.length, failed: gone.length });
    const message = (path: string) => `${path}: was renamed or removed after the list was made.`;
    expect(told(sender.events, 'failed')).toEqual(
      gone.map((path) => expect.objectContaining({ path, code: 'changed', message: message(path) }) as unknown),
    );
    expect(told(sender.events, 'offered')).toHaveLength(listed.length - gone.length);
  });

  it('does not bind what is found of a name: an entry that has changed is judged when it is offered', async () => {
    const walks = [
      [createMemorySource('x', Buffer.alloc(100)), createMemorySource('y', HELLO)],
      [createMemorySource('x', HELLO), createMemorySource('y', Buffer.alloc(100))],
    ];
    const sources = { [Symbol.iterator]: () => walks.shift()![Symbol.iterator]() };
    const { sent, sink } = await transfer(sources, createMemorySink({ maxSize: 50 }));
    expect(sent).toMatchObject({ stored: 1, refused: 2 });
    expect([...sink.entries.keys()]).toEqual(['x']);
  });
});

describe('a dry run', () => {
  it('plans every entry in order, and stores nothing', async () => {
    const entries = new Map([
      ['b', { kind: 'file', content: HELLO, mode: 0, mtimeNs: 0n }] as const,
      ['c', { kind: 'file', content: Buffer.alloc(7), mode: 0, mtimeNs: 0n }] as const,
    ]);
    const { sent, received, sender, receiver } = await ask(
      [...sourcesOf('a', 'b', 'c', '../d'), createMemorySource('s', HELLO, { size: null })],
      { entries, free: 99 },
    );
    expect(told(sender.events, 'planned', 'refused', 'checked', 'offered')).toMatchObject([
      { type: 'planned', path: 'a', fate: 'new', as: 'a', offset: 0, size: 5, kind: 'file' },
      { type: 'planned', path: 'b', fate: 'already', as: 'b' },
      { type: 'planned', path: 'c', fate: 'rename', as: 'c (1)' },
      { type: 'refused', path: '../d', code: 'bad-name' },
      { type: 'planned', path: 's', fate: 'new', size: null },
      { type: 'checked', entries: 5, bytes: 20, needed: 10, free: 99, dryRun: true },
    ]);
    expect(sent).toMatchObject({ stored: 0, refused: 1, firstFailure: { code: 'bad-name' } });
    expect(received).toMatchObject({ stored: 0, refused: 0, failed: 0 });
    expect(told(receiver.events, 'offered', 'refused', 'checked')).toMatchObject([{ type: 'checked', dryRun: true }]);
    expect(receiver.sink.entries).toBe(entries);
  });

  it('asks the receiver about a single entry too, and asks nothing about no entry', async () => {
    expect(told((await ask(sourcesOf('a'))).sender.events, 'planned')).toHaveLength(1);
    expect((await ask([])).sent).toMatchObject({ refused: 0, failed: 0 });
  });

  it('fails with no-space after the plans of all entries when they need more than the free space', async () => {
    const { sent, sender } = await ask(sourcesOf('a', 'b'), { free: 9 });
    expect(sent).toMatchObject({ code: 'no-space' });
    expect(told(sender.events, 'planned')).toHaveLength(2);
  });

  it.each([
    ['no-space', { free: 9 }],
    ['too-many', { maxFiles: 1 }],
  ])('that is answered with %s is no failure of the receiver', async (code, options) => {
    const { sent, received, receiver } = await ask(sourcesOf('a', 'b'), options);
    expect(sent).toMatchObject({ code });
    expect(received).toMatchObject({ failed: 0 });
    expect(receiver.events.map(({ type }) => type)).toEqual(['connected', 'checked', 'done']);
    expect(told(receiver.events, 'checked')).toMatchObject([
      { entries: 2, bytes: 10, dryRun: true, needed: null, free: null },
    ]);
  });

  it('without dry run, the same answers are failures of the session', async () => {
    for (const options of [{ free: 9 }, { maxFiles: 1 }]) {
      const { received } = await transfer(sourcesOf('a', 'b'), createMemorySink(options));
      expect(received).toMatchObject({ failed: 1 });
    }
  });

  it('fails with an older receiver, without an offer to it', async () => {
    const [left, right] = connectionPair();
    const sender = runSender(left, sourcesOf('a', 'b'), undefined, true);
    const channel = await greetAs('receiver', right);
    channels.push(channel);
    expect(await sender.result).toMatchObject({
      code: 'refused',
      message: expect.stringContaining('older receiver') as string,
    });
    expect(await channel.receive()).toMatchObject({ type: 'error', id: 0 });
  });
});

describe('with an older peer', () => {
  it('a sender offers everything as it comes', async () => {
    const [left, right] = connectionPair();
    runSender(left, sourcesOf('a', 'b'));
    const channel = await greetAs('receiver', right);
    channels.push(channel);
    expect(await channel.receive()).toMatchObject({ type: 'offer', id: 1 });
  });

  it('a receiver waits for no list', async () => {
    const [left, right] = connectionPair();
    runReceiver(right);
    const channel = await greetAs('sender', left);
    channels.push(channel);
    await channel.send({ type: 'offer', id: 1, entry: FILE });
    expect(await channel.receive()).toMatchObject({ type: 'ready', id: 1 });
  });
});

describe('a receiver ends the session of a sender that', () => {
  let receiver: ReceiverRun;
  let sender: Channel;
  const check = (more: Partial<CheckMessage> = {}) =>
    sender.send({ type: 'check', id: 0, entries: [FILE], last: true, dryRun: false, ...more });
  const offer = (id: number) => sender.send({ type: 'offer', id, entry: FILE });
  const next = () => sender.receive();

  it.each<[string, () => Promise<unknown>]>([
    ['sends two lists', async () => (await check(), check())],
    ['sends a list after a dry one', async () => (await check({ dryRun: true }), check())],
    ['offers in the middle of a list', async () => (await check({ last: false }), offer(1))],
    ['sends a list after an offer', async () => (await offer(1), check())],
    ['answers a list', () => sender.send({ type: 'checked', id: 0, verdicts: [], end: true })],
  ])('%s', async (_, attack) => {
    const [left, right] = connectionPair();
    receiver = runReceiver(right);
    sender = await greetAs('sender', left, LIMITS, [CHECK_CAPABILITY]);
    channels.push(sender);
    await attack();
    expect((await receiver.result).firstFailure?.code).toBe('protocol');
    expect(receiver.sink.entries.size).toBe(0);
  });

  it('sends a list without end, whose verdicts it never reads', async () => {
    const [left, right] = connectionPair();
    receiver = runReceiver(right, createMemorySink({ maxFiles: 100_000 }));
    countOnly(receiver.events, 'refused');
    sender = await greetAs('sender', left, LIMITS, [CHECK_CAPABILITY]);
    channels.push(sender);
    const before = measureMemory();
    const entries = Array.from({ length: 800 }, (_unused, number) => ({ ...FILE, path: `../${number}` }));
    const attack = (async () => {
      for (let frame = 0; frame < 2000; frame++) await check({ entries, last: false });
    })().catch(() => undefined);
    let error: Message | undefined;
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    expect(measureMemory() - before).toBeLessThan(MAX_GROWTH);
    while (error?.type !== 'error') error = await next();
    expect(error).toMatchObject({ id: 0, code: 'too-many' });
    await attack;
    expect(measureMemory() - before).toBeLessThan(MAX_GROWTH);
    await receiver.result;
  });

  it('begins a list and then says nothing', async () => {
    vi.useFakeTimers();
    const [left, right] = connectionPair();
    receiver = runReceiver(right);
    sender = await greetAs('sender', left, LIMITS, [CHECK_CAPABILITY]);
    channels.push(sender);
    await check({ last: false });
    void next().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(1.3 * DEFAULT_TIMEOUTS.offerMs);
    expect((await receiver.result).firstFailure?.code).toBe('timeout');
  });
});

describe('a sender ends the session with a receiver that', () => {
  let sender: SenderRun;
  let receiver: Channel;
  const NEW: Verdict = { index: 0, fate: 'new', offset: 0 };
  const ROOM = { needed: 10, free: null };
  const say = (message: ControlMessage) => receiver.send(message);
  const checked = (more: Partial<CheckedMessage> = {}) =>
    say({ type: 'checked', id: 0, verdicts: [], end: true, room: ROOM, ...more });

  async function connect(sources: Iterable<Source> = sourcesOf('a', 'b'), dryRun = false): Promise<void> {
    const [left, right] = connectionPair();
    sender = runSender(left, sources, undefined, dryRun);
    receiver = await greetAs('receiver', right, LIMITS, [CHECK_CAPABILITY]);
    channels.push(receiver);
  }

  it.each<[string, () => Promise<unknown>]>([
    ['has a verdict on an entry that was not asked about', () => checked({ verdicts: [{ ...NEW, index: 2 }] })],
    ['has two verdicts on one entry', () => checked({ verdicts: [NEW, NEW] })],
    ['goes back in the list', () => checked({ verdicts: [{ ...NEW, index: 1 }, NEW] })],
    [
      'goes back in another frame',
      async () => (
        await checked({ verdicts: [{ ...NEW, index: 1 }], end: false, room: undefined }),
        checked({ verdicts: [NEW] })
      ),
    ],
    ['has more of a file than there is', () => checked({ verdicts: [{ ...NEW, offset: 6 }] })],
    ['says nothing, without end', () => checked({ end: false, room: undefined })],
    ['answers twice', async () => (await checked(), checked())],
    ['leaves out what the whole comes to', async () => (await checked({ room: undefined }), checked())],
    ['is ready for what was not offered', () => say({ type: 'ready', id: 1, offset: 0, have: false })],
    ['fails an entry that was not offered', () => say({ type: 'error', id: 1, code: 'io', message: 'No.' })],
    ['says goodbye', () => say({ type: 'goodbye', id: 0 })],
    ['sends a list itself', () => say({ type: 'check', id: 0, entries: [FILE], last: true, dryRun: false })],
  ])('%s', async (_, attack) => {
    await connect();
    expect(await receiver.receive()).toMatchObject({ type: 'check', last: true });
    await attack();
    expect(await sender.result).toMatchObject({ code: 'protocol' });
    expect(told(sender.events, 'stored')).toEqual([]);
  });

  it('sends the total before it has got the whole list', async () => {
    await connect({
      *[Symbol.iterator]() {
        for (let number = 0; number < 100_000; number++) yield createMemorySource(`${number}`, HELLO);
      },
    });
    expect(await receiver.receive()).toMatchObject({ type: 'check', last: false });
    await checked();
    expect(await sender.result).toMatchObject({ code: 'protocol' });
  });

  it('closes in the middle of the list, or fails as a whole', async () => {
    await connect();
    await receiver.receive();
    receiver.destroy(lost());
    expect(await sender.result).toMatchObject({ code: 'lost' });
    await connect();
    await say({ type: 'error', id: 0, code: 'too-many', message: 'Too many.' });
    expect(await sender.result).toMatchObject({ code: 'too-many', message: 'Too many.' });
  });

  it('answers nothing, however well it pings', async () => {
    vi.useFakeTimers();
    await connect();
    await receiver.receive();
    void receiver.receive().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(DEFAULT_TIMEOUTS.controlMs);
    expect(await sender.result).toMatchObject({ code: 'timeout' });
  });

  it('takes few lists at a time: the sender waits for verdicts in between', async () => {
    let made = 0;
    await connect({
      *[Symbol.iterator]() {
        for (; made < 100_000; made++) yield createMemorySource(`${made}`, HELLO);
      },
    });
    for (let frame = 0; frame < MAX_OPEN_CHECKS; frame++)
      expect(await receiver.receive()).toMatchObject({ type: 'check' });
    await new Promise(setImmediate);
    expect(made).toBeLessThan((MAX_OPEN_CHECKS + 2) * 1000);
    receiver.destroy(lost());
    await sender.result;
  });

  it('refuses with words of its own, which the user is shown', async () => {
    await connect();
    await checked({ verdicts: [{ index: 1, fate: 'refused', code: 'io', message: 'No.' }] });
    await receiver.receive();
    expect(await receiver.receive()).toMatchObject({ type: 'offer', id: 1, entry: { path: 'a' } });
    await say({ type: 'refused', id: 1, code: 'denied', message: 'No.' });
    expect(await receiver.receive()).toMatchObject({ type: 'goodbye' });
    await say({ type: 'goodbye', id: 0 });
    expect(await sender.result).toMatchObject({ refused: 1, failed: 1 });
  });
});
