/** Crowds at the port, over real sockets. */
import { EventEmitter, once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createIdentity } from '../../src/identity/identity.js';
import { dial } from '../../src/net/dial.js';
import { startTls } from '../../src/net/tls.js';
import type { TransferEvent } from '../../src/core/events.js';
import { encodeControl } from '../../src/protocol/codec.js';
import { receive, type ReceiveOptions } from '../../src/mailbox/receive.js';
import { send } from '../../src/client/send.js';
import { makeContent, readNames, tempDir } from '../support/folders.js';

const HELLO = encodeControl({ type: 'hello', id: 0, agent: 'flood', capabilities: [], idleMs: 60_000 });
const OFFER = encodeControl({
  type: 'offer',
  id: 1,
  entry: { path: 'x', kind: 'file', size: 9, mtimeNs: 0n, mode: 0o644 },
});
const content = makeContent(300_000);

async function open(options: Partial<ReceiveOptions>) {
  const dir = join(await tempDir(), 'inbox');
  const events: TransferEvent[] = [];
  const heard = new EventEmitter();
  const onEvent = (event: TransferEvent): void => {
    events.push(event);
    heard.emit('event');
  };
  const count = (type: TransferEvent['type']) => events.filter((event) => event.type === type).length;
  const until = async (wanted: number, type: TransferEvent['type']) => {
    while (count(type) < wanted) await once(heard, 'event');
  };
  const receiver = await receive({ dir, port: 0, host: '0.0.0.0', onEvent, ...options });
  onTestFinished(() => receiver.close(0));
  const path = join(await tempDir(), 'real.bin');
  await writeFile(path, content);
  return {
    receiver,
    dir,
    count,
    until,
    sendReal: (retries?: number) =>
      send({ paths: [path], plain: options.plain, retries, to: { host: '127.0.0.1', port: receiver.port } }),
  };
}

/** Connects, says this much, and stays; resolves when it is connected. */
async function linger(port: number, words: Uint8Array | string = '', localAddress?: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, ...(localAddress && { localAddress }) });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'connect');
  if (words.length > 0) socket.write(words);
  return socket;
}

const flood = (count: number, port: number, words?: Uint8Array | string, localAddress?: string) =>
  Promise.all(Array.from({ length: count }, () => linger(port, words, localAddress)));

async function expectStored({ sendReal, dir }: Awaited<ReturnType<typeof open>>): Promise<void> {
  expect(await sendReal()).toMatchObject({ stored: 1 });
  expect((await readFile(join(dir, 'real.bin'))).equals(content)).toBe(true);
}

describe('a real sender gets in', () => {
  it.each([
    ['that say nothing', ''],
    ['in the middle of a greeting', 'ft'],
    ['in the middle of a hello', Buffer.concat([Buffer.from('ftx/1\n'), HELLO.subarray(0, 20)])],
    ['that greet and offer nothing', Buffer.concat([Buffer.from('ftx/1\n'), HELLO])],
    ['that begin a TLS handshake', Uint8Array.of(0x16, 3, 1)],
  ])('past 500 connections from its own address %s', async (_, words) => {
    const inbox = await open({ maxConnections: 100 });
    await flood(500, inbox.receiver.port, words);
    await expectStored(inbox);
  });

  it.skipIf(process.platform !== 'linux')(
    'past 500 connections from elsewhere, and while more of them come',
    async () => {
      const inbox = await open({ maxConnections: 20 });
      await flood(500, inbox.receiver.port, '', '127.0.0.2');
      const [sent] = await Promise.all([inbox.sendReal(), flood(500, inbox.receiver.port, '', '127.0.0.3')]);
      expect(sent).toMatchObject({ stored: 1 });
    },
  );

  it('past 500 with the limits as they come', async () => {
    const inbox = await open({});
    await flood(500, inbox.receiver.port);
    await expectStored(inbox);
  });
});

describe('a house full of senders', () => {
  it('keeps them, and tells one more to try again', async () => {
    const { receiver, sendReal, count, until } = await open({ maxConnections: 8, plain: true });
    const senders = await flood(8, receiver.port, Buffer.concat([Buffer.from('ftx/1\n'), HELLO, OFFER]));
    await until(8, 'offered');
    await expect(sendReal()).rejects.toMatchObject({ code: 'busy' });
    expect(count('failed')).toBe(0);
    senders[0]?.destroy();
    await until(1, 'done');
    expect(await sendReal()).toMatchObject({ stored: 1 });
  });
});

describe('senders that offer and then only send', () => {
  const PING = encodeControl({ type: 'ping', id: 0 });
  const REFUSED = encodeControl({
    type: 'offer',
    id: 1,
    entry: { path: '../x', kind: 'file', size: 9, mtimeNs: 0n, mode: 0o644 },
  });
  const NEXT = encodeControl({
    type: 'offer',
    id: 2,
    entry: { path: 'x', kind: 'file', size: 9, mtimeNs: 0n, mode: 0o644 },
  });
  const JUNK = encodeControl({ type: 'error', id: 1, code: 'io', message: 'x'.repeat(1000) });

  it.each([
    ['pings', OFFER, PING],
    [
      'frames that are thrown away',
      Buffer.concat([REFUSED, NEXT]),
      Buffer.concat(Array.from({ length: 5 }, () => JUNK)),
    ],
  ])('%s do not keep a real sender out, and are told to try again', async (_, offers, noise) => {
    const words = Buffer.concat([Buffer.from('ftx/1\n'), HELLO, offers]);
    const inbox = await open({ maxConnections: 8, plain: true, timeoutMs: 1000 });
    const hogs = await flood(8, inbox.receiver.port, words);
    const heard: Buffer[] = [];
    for (const hog of hogs) hog.on('data', (data: Buffer) => heard.push(data));
    const dropped = Promise.race(hogs.map((hog) => new Promise((resolve) => hog.once('end', resolve))));
    await inbox.until(8, 'offered');
    if (noise !== PING) await inbox.until(8, 'refused');
    const pinging = setInterval(() => hogs.forEach((hog) => hog.write(noise)), 100);
    onTestFinished(() => clearInterval(pinging));
    await expectStored(inbox);
    await inbox.until(1, 'failed');
    expect(inbox.count('failed')).toBe(1);
    expect(inbox.count('stored')).toBe(1);
    await dropped;
    expect(Buffer.concat(heard).toString('latin1')).toContain('"code":"busy"');
  });

  it.skipIf(process.platform !== 'linux')(
    'frames that are thrown away, from one address at all 16 places, do not keep a sender of another address out for a moment',
    async () => {
      const inbox = await open({ maxConnections: 16, plain: true });
      const words = Buffer.concat([Buffer.from('ftx/1\n'), HELLO, REFUSED, NEXT]);
      const hogs = await flood(16, inbox.receiver.port, words, '127.0.0.2');
      await inbox.until(32, 'offered');
      await inbox.until(16, 'refused');
      const junk = setInterval(() => hogs.forEach((hog) => hog.write(JUNK)), 20);
      onTestFinished(() => clearInterval(junk));
      // No second try: the first finds a place.
      expect(await inbox.sendReal(0)).toMatchObject({ stored: 1 });
      expect(inbox.count('failed')).toBe(1);
    },
  );
});

it.skipIf(process.platform !== 'linux')('who is dropped for another is told to try again', async () => {
  const { receiver } = await open({ maxConnections: 1, plain: true });
  const words = Buffer.concat([Buffer.from('ftx/1\n'), HELLO]);
  const first = await linger(receiver.port, words);
  const heard: Buffer[] = [];
  first.on('data', (data: Buffer) => heard.push(data));
  await once(first, 'data');
  await linger(receiver.port, words, '127.0.0.2');
  await once(first, 'end');
  expect(Buffer.concat(heard).toString('latin1')).toContain('"code":"busy"');
});

it.skipIf(process.platform !== 'linux')(
  'who is dropped when it has encrypted and said nothing yet hears no noise',
  async () => {
    const { receiver } = await open({ maxConnections: 1 });
    const heard: string[] = [];
    for (let round = 0; round < 20; round++) {
      const connection = await dial({ host: '127.0.0.1', port: receiver.port, timeoutMs: 10_000 });
      await startTls(connection, createIdentity());
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
      await linger(receiver.port, '', '127.0.0.2');
      // Nothing, when the receiver had not finished the handshake.
      const words = await connection.read().catch(() => undefined);
      heard.push(Buffer.from(words ?? []).toString('latin1'));
      connection.destroy(new Error('the round is over'));
    }
    const told = heard.filter((words) => words !== '');
    expect(told.length).toBeGreaterThan(0);
    for (const words of told) expect(words).toMatch(/^ftx\/1\n[^]*"code":"busy"/);
  },
);

it('a caller that offers nothing does not end a receiver that is there for one session', async () => {
  const { receiver, sendReal, dir } = await open({ once: true });
  for (const words of ['', 'f', 'ftx/1\n\0', 'GET / HTTP/1.1\r\n\r\n', '5x']) {
    const socket = await linger(receiver.port, words);
    socket.end();
    await once(socket, 'close');
  }
  expect(await sendReal()).toMatchObject({ stored: 1 });
  await receiver.closed;
  expect(await readNames(dir)).toEqual(['real.bin']);
});

it('a mailbox with room for few senders stores the files of a crowd, one sender after the other', async () => {
  const { count, sendReal } = await open({ maxConnections: 4 });
  const crowd = await Promise.all(Array.from({ length: 60 }, () => sendReal()));
  expect(crowd.map(({ stored }) => stored)).toEqual(crowd.map(() => 1));
  expect(count('stored')).toBe(60);
});
