/** What a peer can make the other side hold in memory and on disk. */
import { lstat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { BLOCK_BYTES, type Entry } from '../../src/core/entry.js';
import type { Source } from '../../src/core/source.js';
import type { Channel } from '../../src/protocol/channel.js';
import { createFileSink } from '../../src/storage/inbox/file-sink.js';
import { receive } from '../../src/mailbox/receive.js';
import { send } from '../../src/client/send.js';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { measureMemory } from '../support/heap.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemorySink } from '../support/memory-sink.js';
import { createMemorySource } from '../support/memory-source.js';
import { greetAs, runReceiver, runSender } from '../support/session.js';

const MIB = 1024 * 1024;
const MAX_GROWTH = 64 * MIB;
/** A trace of each would show: of 400 bytes and more. */
const MANY = 20_000;
const EIGHT_PB = 8 * 10 ** 15;
const FILE: Entry = { path: 'a', kind: 'file', size: 5, mtimeNs: 0n, mode: 0o644 };

const channels: Channel[] = [];
afterEach(() => {
  for (const channel of channels.splice(0)) channel.destroy(lost());
});

async function connectSender(sink = createMemorySink(), offers = 256) {
  const [left, right] = connectionPair();
  const receiver = runReceiver(right, sink, undefined, { offers, size: Number.MAX_SAFE_INTEGER });
  const channel = await greetAs('sender', left, undefined, ['proof']);
  channels.push(channel);
  const offer = (id: number, entry: Partial<Entry> = {}) =>
    channel.send({ type: 'offer', id, entry: { ...FILE, ...entry } });
  return { receiver, channel, offer };
}

describe('a file of 8 PB', () => {
  it('is refused by the limit', async () => {
    const dir = await tempDir();
    const { channel, offer } = await connectSender({
      ...createMemorySink(),
      ...createFileSink({ dir, onConflict: 'rename', maxSize: 10 * 1024 ** 3 }),
    });
    await offer(1, { size: EIGHT_PB });
    expect(await channel.receive()).toMatchObject({ type: 'refused', code: 'too-large' });
    expect(await readNames(dir)).toEqual([]);
  });

  it('takes neither memory nor disk of a receiver without a limit', async () => {
    const dir = await tempDir();
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'hostile' });
    const { channel, offer } = await connectSender({ ...createMemorySink(), ...sink });
    const before = measureMemory();
    for (let id = 1; id <= 256; id++) {
      await offer(id, { size: EIGHT_PB, path: `huge ${id}` });
      expect(await channel.receive()).toMatchObject({ type: 'ready', id, offset: 0 });
    }
    const block = new Uint8Array(BLOCK_BYTES);
    await channel.sendBlock({ type: 'data', id: 1, offset: 0, digest: 0n, length: BLOCK_BYTES }, block);
    expect(await channel.receive()).toMatchObject({ type: 'again', id: 1 });
    expect(measureMemory() - before).toBeLessThan(8 * MIB);
    let blocks = 0;
    for (const name of await readNames(dir)) blocks += (await lstat(join(dir, name))).blocks;
    // Journal and lock are a block of the disk each.
    expect(blocks * 512).toBeLessThan(3 * MIB);
  });

  it('does not keep a small file out of a receiver without a limit', async () => {
    const dir = await tempDir();
    const path = join(await tempDir(), 'small');
    await writeContent(path, 1000);
    for (const maxSize of [Infinity, 2 ** 60, 1000.5]) {
      const receiver = await receive({ dir, port: 0, host: '127.0.0.1', maxSize });
      expect(await send({ paths: [path], to: { host: '127.0.0.1', port: receiver.port } })).toMatchObject({
        stored: 1,
      });
      await receiver.close();
    }
  });
});

describe('a file that is there already', () => {
  it.each([
    ['ends twice while it is compared', 5, 2],
    ['ends at another size', 6, 1],
  ])('%s', async (_, size, times) => {
    const dir = await tempDir();
    await writeContent(join(dir, 'a'), 5);
    await utimes(join(dir, 'a'), 0, 0);
    const sink = createFileSink({ dir, isKnown: true, onConflict: 'skip', maxSize: Infinity, peer: 'hostile' });
    const { channel, offer, receiver } = await connectSender({ ...createMemorySink(), ...sink });
    await offer(1);
    expect(await channel.receive()).toMatchObject({ type: 'ready', id: 1, offset: 5 });
    for (let time = 0; time < times; time++)
      void channel.send({ type: 'end', id: 1, digest: '0'.repeat(16), size, proof: '0'.repeat(64) });
    expect(await channel.receive()).toMatchObject({ type: 'error', id: 0, code: 'protocol' });
    await receiver.result;
    expect(await readNames(dir)).toEqual(['a']);
  });
});

describe('a sender', () => {
  it('may offer 20,000 entries in a row', async () => {
    const { receiver, channel, offer } = await connectSender();
    const before = measureMemory();
    const answers = (async () => {
      let refusals = 0;
      while (refusals < MANY && (await channel.receive())?.type === 'refused') refusals += 1;
      return refusals;
    })();
    for (let id = 1; id <= MANY; id++) await offer(id, { path: `../${id}` });
    expect(await answers).toBe(MANY);
    receiver.events.length = 0;
    expect(measureMemory() - before).toBeLessThan(8 * MIB);
    await channel.send({ type: 'goodbye', id: 0 });
    expect(await receiver.result).toMatchObject({ refused: MANY, failed: 0 });
  });

  it('has no more entries open than the receiver allows, however large they are', async () => {
    const { receiver, channel, offer } = await connectSender();
    const before = measureMemory();
    const path = 'x'.repeat(60_000);
    for (let id = 1; id <= 257; id++) await offer(id, { path });
    void channel.receive().catch(() => undefined);
    expect(measureMemory() - before).toBeLessThan(MAX_GROWTH);
    await channel.send({ type: 'goodbye', id: 0 });
    await receiver.result;
  });
});

describe('a receiver', () => {
  it('that allows any number of open offers gets a bounded number at once', async () => {
    let asked = 0;
    function* sources(): Generator<Source> {
      for (; asked < 100_000; asked++) yield createMemorySource(`${asked}`, new Uint8Array(1));
    }
    const [left, right] = connectionPair();
    const sender = runSender(left, sources());
    const channel = await greetAs('receiver', right, { offers: Number.MAX_SAFE_INTEGER, size: 1000 });
    channels.push(channel);
    for (let id = 1; id <= 1024; id++) expect(await channel.receive()).toMatchObject({ type: 'offer', id });
    await new Promise(setImmediate);
    expect(asked).toBeLessThan(1030);
    channel.destroy(lost());
    await sender.result;
  });

  it('that asks for one block again without end loses the sender', async () => {
    const [left, right] = connectionPair();
    const sender = runSender(left, [createMemorySource('a', new Uint8Array(BLOCK_BYTES).fill(1))]);
    const channel = await greetAs('receiver', right);
    channels.push(channel);
    await channel.receive();
    await channel.send({ type: 'ready', id: 1, offset: 0, have: false });
    let blocks = 0;
    void (async () => {
      for (let message = await channel.receive(); message; message = await channel.receive()) {
        if (message.type !== 'data') continue;
        blocks += 1;
        await channel.skipContent(message.length);
        await channel.send({ type: 'again', id: 1, offset: 0 });
      }
    })().catch(() => undefined);
    expect(await sender.result).toMatchObject({ code: 'protocol' });
    expect(blocks).toBe(4);
  });
});
