import { afterEach, describe, expect, it, vi } from 'vitest';
import { digestBlock } from '../../src/core/checksum.js';
import type { ErrorCode } from '../../src/core/errors.js';
import type { Channel } from '../../src/protocol/channel.js';
import type { ControlMessage, DataMessage, Message } from '../../src/protocol/messages.js';
import { BLOCK_BYTES, type Entry } from '../../src/core/entry.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemorySink } from '../support/memory-sink.js';
import { greetAs, runReceiver, type ReceiverRun } from '../support/session.js';

const FILE: Entry = { path: 'a', kind: 'file', size: 5, mtimeNs: 0n, mode: 0o644 };
const HELLO = Buffer.from('hello');
const DIGEST = digestBlock(HELLO);

let receiver: ReceiverRun;
let sender: Channel;

async function connect(sink = createMemorySink()): Promise<void> {
  const [left, right] = connectionPair();
  receiver = runReceiver(right, sink);
  sender = await greetAs('sender', left, undefined, ['proof']);
}

afterEach(() => {
  vi.useRealTimers();
  sender.destroy(lost());
});

const offer = (id: number, entry: Partial<Entry> = {}) =>
  sender.send({ type: 'offer', id, entry: { ...FILE, ...entry } });
const block = (id: number, change: Partial<DataMessage> = {}, content: Uint8Array = HELLO) =>
  sender.sendBlock({ type: 'data', id, offset: 0, digest: DIGEST, length: content.length, ...change }, content);
const end = (id: number, size = 5) =>
  sender.send({ type: 'end', id, digest: '26c7827d889f6da3', size, proof: '0'.repeat(64) });
const say = (message: ControlMessage) => sender.send(message);

/** Sees the receiver end the session for a broken protocol, with nothing stored or left over. */
async function expectBroken(): Promise<void> {
  const { firstFailure, stored } = await receiver.result;
  expect(firstFailure?.code).toBe('protocol');
  expect(stored).toBe(0);
  expect(receiver.sink.parts.size).toBe(0);
  expect(receiver.sink.entries.size).toBe(0);
}

async function next(): Promise<Message | undefined> {
  return sender.receive();
}

it('a session that fails before it is one is told of with the address of the sender', async () => {
  await connect();
  const [left, right] = connectionPair();
  receiver = runReceiver(right);
  await left.write([Buffer.from('ftx/1\n'), Buffer.alloc(16, 'x')]);
  await receiver.result;
  expect(receiver.events).toMatchObject([{ type: 'failed', path: null, peer: 'left:1' }, { type: 'done' }]);
});

describe('what a sender says when it ends the session', () => {
  it.each<[string, ErrorCode | 'not-found', boolean]>([
    ['its user has stopped it', 'aborted', false],
    ['a path of its own is not there any more', 'not-found', false],
    ['it cannot read its own input', 'unreadable', false],
    ['its own input is of no kind that can be sent', 'unsupported', false],
    ['its own input has changed', 'changed', false],
    ['its own disk has failed', 'io', false],
    ['its own disk is full', 'no-space', false],
    ['the receiver broke the protocol', 'protocol', true],
    ['the receiver was too slow', 'timeout', true],
    ['a digest stayed wrong', 'checksum', true],
    ['the connection was lost', 'lost', true],
  ])('that %s is a failure on the receiver (%s): %s', async (_what, code, isFailure) => {
    await connect();
    await say({ type: 'error', id: 0, code: code, message: 'Why.' });
    const { firstFailure, failed } = await receiver.result;
    expect(receiver.events.map(({ type }) => type)).toEqual(['connected', ...(isFailure ? ['failed'] : []), 'done']);
    expect(failed).toBe(isFailure ? 1 : 0);
    expect(firstFailure).toMatchObject({ code: isFailure ? code : 'lost', message: 'Why.' });
  });

  it('fails what is open, whatever the reason', async () => {
    await connect();
    await offer(1);
    await next();
    await say({ type: 'error', id: 0, code: 'aborted', message: 'Stopped.' });
    expect(await receiver.result).toMatchObject({ failed: 1 });
    expect(receiver.events).toContainEqual(expect.objectContaining({ type: 'failed', path: 'a', code: 'aborted' }));
  });
});

describe('a receiver ends the session of a sender that', () => {
  it.each<[string, () => Promise<void>]>([
    ['uses an id twice', async () => (await offer(1), offer(1))],
    ['uses a lower id', async () => (await offer(9), offer(8))],
    [
      'has too many offers open',
      async () => {
        for (const id of [1, 2, 3, 4, 5]) await offer(id);
      },
    ],
    ['sends data for an id that it never offered', () => block(7)],
    ['ends an id that it never offered', () => end(7)],
    ['says hello twice', () => say({ type: 'hello', id: 0, agent: '', capabilities: [], idleMs: 1000 })],
    ['plays the receiver', () => say({ type: 'stored', id: 1, as: 'x', already: false, durable: true })],
  ])('%s', async (_, attack) => {
    await connect();
    await attack();
    await expectBroken();
  });

  it.each<[string, () => Promise<void>]>([
    ['sends a block past the end', () => block(1, { offset: BLOCK_BYTES })],
    ['sends a short block', () => block(1, {}, Buffer.from('hell'))],
    ['ends too early', () => end(1, 5)],
    ['ends at another size', async () => (await block(1), end(1, 6))],
    ['ends twice', async () => (await block(1, { digest: 1n }), await end(1), end(1))],
    ['sends a block twice', async () => (await block(1), block(1))],
  ])('%s', async (_, attack) => {
    await connect();
    await offer(1);
    expect(await next()).toMatchObject({ type: 'ready' });
    await attack();
    await expectBroken();
  });

  it('does not wait for ready', async () => {
    const sink = createMemorySink();
    let letOpen: () => void = () => undefined;
    const mayOpen = new Promise<void>((resolve) => (letOpen = resolve));
    await connect({ ...sink, open: (entry) => mayOpen.then(() => sink.open(entry)) });
    await offer(1);
    await block(1);
    expect(await next()).toMatchObject({ type: 'error', id: 0, code: 'protocol' });
    letOpen();
    await expectBroken();
  });

  it('sends data for a file that is there already', async () => {
    const entries = new Map([['a', { kind: 'file', content: HELLO, mode: 0o644, mtimeNs: 0n }] as const]);
    await connect(createMemorySink({ onConflict: 'skip', entries }));
    await offer(1);
    expect(await next()).toMatchObject({ type: 'ready', offset: 5 });
    await block(1);
    expect((await receiver.result).firstFailure?.code).toBe('protocol');
    expect(receiver.sink.entries.get('a')).toMatchObject({ content: HELLO });
  });
});

describe('a receiver', () => {
  it('keeps no part of a file that gets its place beside another one only after the sender has left', async () => {
    const entries = new Map([
      ['a', { kind: 'file', content: Buffer.from('other'), mode: 0o644, mtimeNs: 0n }] as const,
    ]);
    const sink = createMemorySink({ onConflict: 'rename', entries });
    let makePlace: () => void = () => undefined;
    const isPlaceMade = new Promise<void>((resolve) => (makePlace = resolve));
    await connect({
      ...sink,
      async open(entry, vouched) {
        const target = await sink.open(entry, vouched);
        if (target.state !== 'present') return target;
        return { ...target, receiveBeside: () => isPlaceMade.then(() => target.receiveBeside!()) };
      },
    });
    await offer(1);
    expect(await next()).toMatchObject({ type: 'ready', offset: 5 });
    await end(1);
    sender.destroy(lost());
    await new Promise(setImmediate);
    makePlace();
    expect(await receiver.result).toMatchObject({ stored: 0, failed: 1 });
    expect(receiver.sink.parts.size).toBe(0);
  });

  it('ignores frames that are still on the way for an entry that has failed', async () => {
    await connect();
    await offer(1);
    expect(await next()).toMatchObject({ type: 'ready' });
    for (let time = 0; time < 4; time++) await block(1, { digest: 1n });
    for (let time = 0; time < 3; time++) expect(await next()).toMatchObject({ type: 'again', offset: 0 });
    expect(await next()).toMatchObject({ type: 'error', id: 1, code: 'checksum' });
    await block(1);
    await end(1);
    await offer(2, { path: 'b' });
    expect(await next()).toMatchObject({ type: 'ready', id: 2 });
    await block(2);
    await end(2);
    expect(await next()).toMatchObject({ type: 'stored', id: 2 });
    await say({ type: 'goodbye', id: 0 });
    expect(await next()).toMatchObject({ type: 'goodbye' });
    expect(await receiver.result).toMatchObject({ stored: 1, failed: 1 });
  });

  it('asks for the content of a file that was there already when another offer has replaced the file meanwhile', async () => {
    const entries = new Map([['a', { kind: 'file', content: HELLO, mode: 0o644, mtimeNs: 0n }] as const]);
    await connect(createMemorySink({ onConflict: 'overwrite', entries }));
    await offer(1);
    expect(await next()).toMatchObject({ type: 'ready', id: 1, offset: 5 });
    await offer(2, { size: 0 });
    expect(await next()).toMatchObject({ type: 'ready', id: 2, offset: 0 });
    await say({ type: 'end', id: 2, digest: 'ef46db3751d8e999', size: 0 });
    expect(await next()).toMatchObject({ type: 'stored', id: 2 });
    await end(1);
    expect(await next()).toMatchObject({ type: 'ready', id: 1, offset: 0 });
    await block(1);
    await end(1);
    expect(await next()).toMatchObject({ type: 'stored', id: 1, already: false });
    expect(receiver.sink.entries.get('a')).toMatchObject({ content: Uint8Array.from(HELLO) });
  });

  it('fails a file whose digest is not the one announced', async () => {
    await connect();
    await offer(1);
    await next();
    await block(1);
    await say({ type: 'end', id: 1, digest: '0000000000000000', size: 5 });
    expect(await next()).toMatchObject({ type: 'error', id: 1, code: 'checksum' });
    expect(receiver.sink.entries.size).toBe(0);
  });

  it('drops an entry that the sender gives up', async () => {
    await connect();
    await offer(1);
    await next();
    await block(1);
    await say({ type: 'error', id: 1, code: 'changed', message: 'a changed' });
    await say({ type: 'goodbye', id: 0 });
    expect(await receiver.result).toMatchObject({ stored: 0, failed: 1 });
    expect(receiver.sink.parts.size).toBe(0);
  });

  it('reports what is unfinished when the sender leaves', async () => {
    await connect();
    await offer(1);
    await next();
    sender.destroy(lost());
    expect(await receiver.result).toMatchObject({ failed: 1, firstFailure: { code: 'lost' } });
    expect(receiver.sink.parts.size).toBe(0);
  });

  it('tells the sender why it stops', async () => {
    await connect();
    await offer(1);
    await next();
    receiver.stop.abort(new Error('stopped'));
    expect(await next()).toMatchObject({ type: 'error', id: 0 });
    expect(await receiver.result).toMatchObject({ stored: 0, failed: 1 });
  });

  it('drops a caller that greets and then sends nothing', async () => {
    await connect();
    vi.useFakeTimers();
    const [left, right] = connectionPair();
    const silent = runReceiver(right);
    void left.write([Buffer.from('ftx/1\n')]);
    await vi.advanceTimersByTimeAsync(DEFAULT_TIMEOUTS.greetingMs);
    expect((await silent.result).firstFailure?.code).toBe('timeout');
  });
});
