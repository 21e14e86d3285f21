/** Runs of zeros, from both sides. */
import { lstat, open as openHandle, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createFileDigest, digestBlock } from '../../src/core/checksum.js';
import { pushBack, type Connection } from '../../src/core/connection.js';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import type { Source } from '../../src/core/source.js';
import { digestZeros } from '../../src/core/zeros.js';
import type { Channel } from '../../src/protocol/channel.js';
import { HEADER_BYTES, PACK_PREFIX_BYTES } from '../../src/protocol/constants.js';
import type { Message } from '../../src/protocol/messages.js';
import { ENTRY_LENGTHS_BYTES, measureEntry, readLengths } from '../../src/protocol/pack-entry.js';
import { createZeroRun } from '../../src/session/send/zero-run.js';
import { createFileSink } from '../../src/storage/inbox/file-sink.js';
import { createFileSource } from '../../src/storage/source/file-source.js';
import { makeContent, tempDir } from '../support/folders.js';
import { forgeJson } from '../support/forge.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemorySink, type MemorySink } from '../support/memory-sink.js';
import { createMemorySource } from '../support/memory-source.js';
import { greetAs, runReceiver, runSender, tamperWith, type ReceiverRun } from '../support/session.js';

const GREETING_BYTES = 6;

afterEach(() => void vi.useRealTimers());

/** Content of blocks, one for each sign: `0` is zeros, `x` is full. The last block has only `last` bytes. */
function makeBlocks(signs: string, last = BLOCK_BYTES): Buffer {
  const blocks = Array.from(signs, (sign, at) => {
    const length = at === signs.length - 1 ? last : BLOCK_BYTES;
    return sign === '0' ? Buffer.alloc(length) : makeContent(length, at + 1);
  });
  return Buffer.concat(blocks);
}

/** The types and places of the frames with content among what a sender has said: `data 0 1` is a block, `zeros 1 3` a run of three. */
function listContent(said: readonly Uint8Array[]): string[] {
  const bytes = Buffer.concat(said).subarray(GREETING_BYTES);
  const found: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const [type, length] = [bytes.readUInt8(at), bytes.readUInt32BE(at + 8)];
    const payload = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
    const size = type === 17 ? payload.readUInt32BE(8) : length - 16;
    const name = type === 17 ? 'zeros' : 'data';
    if (type === 4 || type === 17)
      found.push(`${name} ${Number(payload.readBigUInt64BE(0)) / BLOCK_BYTES} ${Math.ceil(size / BLOCK_BYTES)}`);
    at += HEADER_BYTES + length;
  }
  return found;
}

/** The sender's end of a pair, at which the receiver's hello has only these capabilities. */
async function limitTo(connection: Connection, capabilities: readonly string[]): Promise<Connection> {
  let heard = Buffer.alloc(0);
  const length = () => heard.readUInt32BE(GREETING_BYTES + 8);
  while (heard.length < GREETING_BYTES + HEADER_BYTES || heard.length < GREETING_BYTES + HEADER_BYTES + length())
    heard = Buffer.concat([heard, (await connection.read()) ?? Buffer.alloc(0)]);
  const begin = GREETING_BYTES + HEADER_BYTES;
  const hello = JSON.parse(heard.toString('utf8', begin, begin + length())) as { capabilities: string[] };
  const forged = forgeJson(1, 0, { ...hello, capabilities });
  return pushBack(connection, Buffer.concat([heard.subarray(0, GREETING_BYTES), forged]));
}

async function send(sources: readonly Source[], sink?: MemorySink, capabilities?: readonly string[]) {
  const [left, right] = connectionPair();
  const receiver = runReceiver(right, sink);
  const said: Uint8Array[] = [];
  const heard = capabilities ? await limitTo(left, capabilities) : left;
  const sender = runSender(
    tamperWith(heard, (part) => (said.push(part), [part])),
    sources,
  );
  const [sent, received] = [await sender.result, await receiver.result];
  return { sent, received, receiver, sender, said, frames: listContent(said), entries: receiver.sink.entries };
}

/** Whether the stored file has this content. To let the test compare it would take very long. */
function holds(entries: MemorySink['entries'], content: Buffer): boolean {
  const entry = entries.get('a');
  return entry?.kind === 'file' && content.equals(entry.content);
}

describe('a file', () => {
  it.each<[string, string, number, string[]]>([
    ['without zeros', 'xx', BLOCK_BYTES, ['data 0 1', 'data 1 1']],
    ['of zeros', '000', BLOCK_BYTES, ['zeros 0 3']],
    ['of one zero', '0', 1, ['zeros 0 1']],
    ['that ends in a short block of zeros', 'x00', 5, ['data 0 1', 'zeros 1 2']],
    ['that ends in a short block of content', '00x', 5, ['zeros 0 2', 'data 2 1']],
    ['with zeros between', 'x00x0x', 9, ['data 0 1', 'zeros 1 2', 'data 3 1', 'zeros 4 1', 'data 5 1']],
  ])('%s is sent with its zeros as runs, or as blocks to an older receiver', async (_, signs, last, frames) => {
    const content = makeBlocks(signs, last);
    for (const size of [content.length, null]) {
      const run = await send([createMemorySource('a', content, { size })]);
      expect(run.sent).toMatchObject({ stored: 1 });
      expect(run.received).toMatchObject({ stored: 1, bytes: content.length });
      expect(holds(run.entries, content)).toBe(true);
      expect(run.frames).toEqual(frames);
      const older = await send([createMemorySource('a', content, { size })], undefined, ['check', 'proof', 'pin']);
      expect(holds(older.entries, content)).toBe(true);
      expect(older.frames).toEqual(Array.from(signs, (_sign, at) => `data ${at} 1`));
    }
  });

  it('whatever it holds arrives as it is', async () => {
    const layout = fc.record({
      signs: fc.string({ unit: fc.constantFrom('0', '0', 'x'), minLength: 1, maxLength: 6 }),
      last: fc.integer({ min: 1, max: BLOCK_BYTES }),
      isStream: fc.boolean(),
      isOlder: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(layout, async ({ signs, last, isStream, isOlder }) => {
        const content = makeBlocks(signs, last);
        const source = createMemorySource('a', content, isStream ? { size: null } : {});
        const { entries } = await send([source], undefined, isOlder ? [] : undefined);
        expect(holds(entries, content)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('shows the bytes of a run as progress on both sides, and its digest is that of its content', async () => {
    const content = makeBlocks('x000', 7);
    const { sender, receiver } = await send([createMemorySource('a', content)]);
    const last = (events: ReceiverRun['events']) => events.filter(({ type }) => type === 'progress').at(-1);
    expect(last(sender.events)).toMatchObject({ bytes: content.length });
    expect(last(receiver.events)).toMatchObject({ bytes: content.length });
    const digest = createFileDigest();
    for (let at = 0; at < content.length; at += BLOCK_BYTES)
      digest.add(digestBlock(content.subarray(at, at + BLOCK_BYTES)));
    for (const { events } of [sender, receiver])
      expect(events).toContainEqual(expect.objectContaining({ type: 'stored', digest: digest.value() }));
  });
});

const [OFFER, CHECK, PACK] = [2, 14, 18];
const tellAllocated = (entry: object) => ('allocated' in entry ? entry.allocated : 'none');

/** The offers in a pack. */
function readHeads(entries: Buffer): object[] {
  const heads: object[] = [];
  for (let at = 0; at < entries.length;) {
    const { head, content } = readLengths(entries.subarray(at, at + ENTRY_LENGTHS_BYTES))!;
    const begin = at + ENTRY_LENGTHS_BYTES;
    heads.push(JSON.parse(entries.toString('utf8', begin, begin + head)) as object);
    at += measureEntry({ head, content });
  }
  return heads;
}

/** What a sender has said of the allocated bytes of its entries, in the list, in the offers and in packs. */
function listAllocated(said: readonly Uint8Array[]): unknown[] {
  const bytes = Buffer.concat(said).subarray(GREETING_BYTES);
  const found: unknown[] = [];
  for (let at = 0; at < bytes.length;) {
    const [type, length] = [bytes.readUInt8(at), bytes.readUInt32BE(at + 8)];
    const begin = at + HEADER_BYTES;
    at = begin + length;
    if (type === PACK) found.push(...readHeads(bytes.subarray(begin + PACK_PREFIX_BYTES, at)).map(tellAllocated));
    if (type !== OFFER && type !== CHECK) continue;
    const message = JSON.parse(bytes.toString('utf8', begin, at)) as { entries?: object[] };
    found.push(...(message.entries ?? [message]).map(tellAllocated));
  }
  return found;
}

it('the allocated bytes are told to a receiver that takes runs of zeros, and to no other', async () => {
  const content = makeBlocks('0x');
  const sources = [
    createMemorySource('a', content, { allocated: BLOCK_BYTES }),
    createMemorySource('b', Buffer.alloc(1), { allocated: 0 }),
    createMemorySource('c', Buffer.alloc(1)),
  ];
  const own = await send(sources);
  const told = [BLOCK_BYTES.toString(), '0', 'none'];
  expect(listAllocated(own.said)).toEqual([...told, ...told]);
  for (const capabilities of [['check', 'proof', 'pin'], []]) {
    const older = await send(sources, undefined, capabilities);
    expect(older.sent).toMatchObject({ stored: 3 });
    expect(holds(older.entries, content)).toBe(true);
    const none = listAllocated(older.said);
    expect(none).toEqual(Array(capabilities.length > 0 ? 6 : 3).fill('none'));
  }
});

it('a run has at most 1024 blocks', async () => {
  const dir = await tempDir();
  const blocks = 1030;
  const zeros = new Uint8Array(BLOCK_BYTES);
  const entry = { path: 'a', kind: 'file', size: blocks * BLOCK_BYTES, mtimeNs: 0n, mode: 0o644 } as const;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const source: Source = {
    entry,
    async *blocks() {
      for (let block = 0; block < blocks; block += 1) yield await Promise.resolve(zeros);
    },
  };
  const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity });
  const { sent, frames } = await send([source], { ...createMemorySink(), ...sink });
  expect(sent).toMatchObject({ stored: 1 });
  expect(frames).toEqual(['zeros 0 1024', 'zeros 1024 6']);
  expect(await lstat(join(dir, 'a'))).toMatchObject({ size: entry.size, blocks: 0 });
});

it('a run goes out when it has waited for long', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const sent: string[] = [];
  const channel = {
    send: (message: Message) => Promise.resolve(void sent.push(JSON.stringify(message))),
  } as unknown as Channel;
  const run = createZeroRun(channel, 7);
  await run.add(0, BLOCK_BYTES);
  await run.add(BLOCK_BYTES, BLOCK_BYTES);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(250);
  expect(sent).toEqual([JSON.stringify({ type: 'zeros', id: 7, offset: 0, length: 2 * BLOCK_BYTES })]);
  await run.add(5 * BLOCK_BYTES, 5);
  await run.flush();
  await run.flush();
  expect(sent.slice(1)).toEqual([JSON.stringify({ type: 'zeros', id: 7, offset: 5 * BLOCK_BYTES, length: 5 })]);
});

/** Waits until the receiver has taken all that was said. */
async function expectTaken(sender: Channel): Promise<void> {
  const entry = { path: 'd', kind: 'directory', size: 0, mtimeNs: 0n, mode: 0o755 } as const;
  await sender.send({ type: 'offer', id: 2, entry });
  expect(await sender.receive()).toMatchObject({ type: 'stored', id: 2 });
}

describe('a transfer that breaks off in a run', () => {
  const SIGNS = 'x00000000x00';
  const content = makeBlocks(SIGNS, 7);

  async function setUp() {
    const [dir, stateDir, file] = [await tempDir(), await tempDir(), join(await tempDir(), 'a')];
    await writeFile(file, content);
    const stats = await lstat(file, { bigint: true });
    const openSource = () => createFileSource({ file, path: 'a', stats }, stateDir);
    const openSink = (): MemorySink => ({
      ...createMemorySink(),
      ...createFileSink({ dir, isKnown: true, onConflict: 'rename', maxSize: Infinity, peer: 'peer' }),
    });
    return { dir, openSource, openSink };
  }

  /** Sends the first block and a run of five, and leaves. */
  async function breakOff(sink: MemorySink, source: Source): Promise<void> {
    const [left, right] = connectionPair();
    const receiver = runReceiver(right, sink);
    const sender = await greetAs('sender', left);
    await sender.send({ type: 'offer', id: 1, entry: source.entry });
    expect(await sender.receive()).toMatchObject({ type: 'ready', offset: 0 });
    const first = content.subarray(0, BLOCK_BYTES);
    await sender.sendBlock({ type: 'data', id: 1, offset: 0, digest: digestBlock(first), length: BLOCK_BYTES }, first);
    await sender.send({ type: 'zeros', id: 1, offset: BLOCK_BYTES, length: 5 * BLOCK_BYTES });
    await expectTaken(sender);
    left.end();
    expect(await receiver.result).toMatchObject({ failed: 1 });
  }

  it('goes on behind the blocks of the run that have come', async () => {
    const { dir, openSource, openSink } = await setUp();
    await breakOff(openSink(), openSource());
    const { sent, frames, receiver } = await send([openSource()], openSink());
    expect(sent).toMatchObject({ stored: 1 });
    expect(receiver.events).toContainEqual(expect.objectContaining({ type: 'resumed', bytes: 6 * BLOCK_BYTES }));
    expect(frames).toEqual(['zeros 6 3', 'data 9 1', 'zeros 10 2']);
    expect((await readFile(join(dir, 'a'))).equals(content)).toBe(true);
    expect((await lstat(join(dir, 'a'))).blocks * 512).toBeLessThanOrEqual(2 * BLOCK_BYTES + 8192);
  });

  it('gets a block of the run again that somebody has written to', async () => {
    const { dir, openSource, openSink } = await setUp();
    await breakOff(openSink(), openSource());
    const part = join(dir, (await readdir(dir)).find((name) => name.endsWith('.part')) ?? '');
    const { atime, mtime } = await lstat(part);
    const handle = await openHandle(part, 'r+');
    await handle.write('altered!', 3 * BLOCK_BYTES + 5000);
    await handle.close();
    await utimes(part, atime, mtime);
    const { sent, frames } = await send([openSource()], openSink());
    expect(sent).toMatchObject({ stored: 1 });
    expect(frames).toEqual(['zeros 6 3', 'data 9 1', 'zeros 10 2', 'zeros 3 1']);
    expect((await readFile(join(dir, 'a'))).equals(content)).toBe(true);
  });

  it('replaces blocks that have become zeros', async () => {
    const { dir, openSource, openSink } = await setUp();
    const other = makeBlocks('xxx000000x00', 7);
    const [left, right] = connectionPair();
    const receiver = runReceiver(right, openSink());
    const sender = await greetAs('sender', left);
    await sender.send({ type: 'offer', id: 1, entry: openSource().entry });
    await sender.receive();
    for (const at of [0, 1, 2]) {
      const block = other.subarray(at * BLOCK_BYTES, (at + 1) * BLOCK_BYTES);
      const head = { type: 'data', id: 1, offset: at * BLOCK_BYTES, digest: digestBlock(block) } as const;
      await sender.sendBlock({ ...head, length: BLOCK_BYTES }, block);
    }
    await expectTaken(sender);
    left.end();
    await receiver.result;
    const { frames } = await send([openSource()], openSink());
    expect(frames).toEqual(['zeros 1 8', 'data 9 1', 'zeros 10 2']);
    expect((await readFile(join(dir, 'a'))).equals(content)).toBe(true);
  });
});

describe('a receiver', () => {
  let receiver: ReceiverRun;
  let sender: Channel;

  async function offer(size: number | null = 4 * BLOCK_BYTES + 7, sink = createMemorySink()): Promise<void> {
    const [left, right] = connectionPair();
    receiver = runReceiver(right, sink);
    sender = await greetAs('sender', left);
    await sender.send({ type: 'offer', id: 1, entry: { path: 'a', kind: 'file', size, mtimeNs: 0n, mode: 0o644 } });
    expect(await sender.receive()).toMatchObject({ type: 'ready' });
  }

  const zeros = (offset: number, length: number, id = 1) => sender.send({ type: 'zeros', id, offset, length });
  const end = (size: number, digest: string) => sender.send({ type: 'end', id: 1, digest, size });

  const B = BLOCK_BYTES;
  it.each<[string, readonly (readonly [offset: number, length: number])[]]>([
    ['begins inside a block', [[5, B]]],
    ['leaves a block out', [[B, B]]],
    ['goes beyond the size by a byte', [[0, 4 * B + 8]]],
    ['goes beyond the size by a block', [[0, 5 * B]]],
    ['goes beyond the size by far', [[0, 1024 * B]]],
    ['ends inside a block that is not the last', [[0, B + 5]]],
    [
      'comes twice',
      [
        [0, 2 * B],
        [0, 2 * B],
      ],
    ],
    [
      'overlaps the one before',
      [
        [0, 2 * B],
        [B, 2 * B],
      ],
    ],
    [
      'comes after everything',
      [
        [0, 4 * B + 7],
        [4 * B + 7, 1],
      ],
    ],
    ['has an offset beyond everything', [[2 ** 53 - 1, B]]],
  ])('ends the session for a run that %s', async (_, runs) => {
    await offer();
    for (const [offset, length] of runs) await zeros(offset, length);
    expect((await receiver.result).firstFailure).toMatchObject({ code: 'protocol' });
    expect(receiver.sink.parts.size).toBe(0);
    expect(receiver.sink.entries.size).toBe(0);
  });

  it('ends the session for a run of what was never offered, or is not ready', async () => {
    await offer();
    await zeros(0, B, 2);
    expect((await receiver.result).firstFailure).toMatchObject({ code: 'protocol' });
    const [left, right] = connectionPair();
    const sink = createMemorySink();
    const open: MemorySink['open'] = async (...args) => {
      await new Promise(setImmediate);
      return sink.open(...args);
    };
    receiver = runReceiver(right, { ...sink, open });
    sender = await greetAs('sender', left);
    const entry = { path: 'a', kind: 'file', size: B, mtimeNs: 0n, mode: 0o644 } as const;
    await Promise.all([sender.send({ type: 'offer', id: 1, entry }), zeros(0, B)]);
    expect((await receiver.result).firstFailure).toMatchObject({ code: 'protocol' });
  });

  it('takes no notice of a run for an entry that is at its end', async () => {
    await offer();
    await sender.send({ type: 'error', id: 1, code: 'changed', message: 'It changed.' });
    await zeros(0, 1024 * B);
    await zeros(5, 1);
    await sender.send({ type: 'goodbye', id: 0 });
    expect(await receiver.result).toMatchObject({ failed: 1, firstFailure: { code: 'changed' } });
  });

  it('lets a run end a stream, and takes nothing after a short block of zeros', async () => {
    await offer(null);
    await zeros(0, 2 * B + 3);
    const digest = createFileDigest();
    for (const length of [B, B, 3]) digest.add(digestZeros(length));
    await end(2 * B + 3, digest.value());
    expect(await sender.receive()).toMatchObject({ type: 'stored' });
    expect(holds(receiver.sink.entries, Buffer.alloc(2 * B + 3))).toBe(true);
    await offer(null);
    await zeros(0, 3);
    await zeros(3, B);
    expect((await receiver.result).firstFailure).toMatchObject({ code: 'protocol' });
  });

  it('finds by the digest of the file that there were fewer zeros than the run has', async () => {
    await offer(null);
    await zeros(0, 3 * B);
    const digest = createFileDigest();
    digest.add(digestZeros(B));
    digest.add(digestZeros(B));
    await end(3 * B, digest.value());
    expect(await sender.receive()).toMatchObject({ type: 'error', id: 1, code: 'checksum' });
    expect(receiver.sink.parts.size).toBe(0);
  });

  it('takes no more zeros than the largest file may have', async () => {
    await offer(null, createMemorySink({ maxSize: 8 * B }));
    await zeros(0, 1024 * B);
    expect(await sender.receive()).toMatchObject({ type: 'error', code: 'too-large' });
    await sender.send({ type: 'goodbye', id: 0 });
    expect(await receiver.result).toMatchObject({ refused: 1 });
  });

  it('lets no run replace a block that is of zeros already, because a run costs its sender nothing', async () => {
    const dir = await tempDir();
    const sink = () => ({
      ...createMemorySink(),
      ...createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'peer' }),
    });
    await offer(12 * B, sink());
    await zeros(0, 10 * B);
    await expectTaken(sender);
    sender.destroy(lost());
    await receiver.result;
    await offer(12 * B, sink());
    await zeros(0, 10 * B);
    expect((await receiver.result).firstFailure).toMatchObject({ code: 'protocol' });
  });
});

it('a sender sends a block of a run again as zeros', async () => {
  const [left, right] = connectionPair();
  const sender = runSender(left, [createMemorySource('a', makeBlocks('x000', 7))]);
  const receiver = await greetAs('receiver', right, undefined, ['zeros']);
  expect(await receiver.receive()).toMatchObject({ type: 'offer' });
  await receiver.send({ type: 'ready', id: 1, offset: 0, have: false });
  expect(await receiver.receive()).toMatchObject({ type: 'data' });
  await receiver.skipContent(BLOCK_BYTES);
  expect(await receiver.receive()).toMatchObject({ type: 'zeros', offset: BLOCK_BYTES, length: 2 * BLOCK_BYTES + 7 });
  expect(await receiver.receive()).toMatchObject({ type: 'end' });
  for (const [block, length] of [
    [2, BLOCK_BYTES],
    [3, 7],
  ] as const) {
    await receiver.send({ type: 'again', id: 1, offset: block * BLOCK_BYTES });
    expect(await receiver.receive()).toEqual({ type: 'zeros', id: 1, offset: block * BLOCK_BYTES, length });
  }
  await receiver.send({ type: 'stored', id: 1, as: 'a', already: false, durable: true });
  expect(await receiver.receive()).toMatchObject({ type: 'goodbye' });
  await receiver.send({ type: 'goodbye', id: 0 });
  expect(await sender.result).toMatchObject({ stored: 1 });
});
