import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { digestBlock } from '../../src/core/checksum.js';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import { WIRE_CODES, type ErrorCode, FtxError } from '../../src/core/errors.js';
import { exitCodeFor } from '../../src/cli/exit-codes.js';
import type { Source } from '../../src/core/source.js';
import type { Channel } from '../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import type { ControlMessage, Message } from '../../src/protocol/messages.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemoryDirectory, createMemorySource } from '../support/memory-source.js';
import { greetAs, runSender, type SenderRun } from '../support/session.js';

let receiver: Channel;
let sender: SenderRun;

async function connect(sources: Source[] = [createMemorySource('a', Buffer.from('hello'))]): Promise<void> {
  const [left, right] = connectionPair();
  sender = runSender(left, sources);
  receiver = await greetAs('receiver', right);
}

beforeEach(() => connect());
afterEach(() => {
  vi.useRealTimers();
  receiver.destroy(lost());
});

const say = (message: ControlMessage) => receiver.send(message);
const ready = (id: number, offset = 0) => say({ type: 'ready', id, offset, have: false });
const stored = (id: number) => say({ type: 'stored', id, as: 'a', already: false, durable: true });

async function next(): Promise<Message | undefined> {
  const message = await receiver.receive();
  if (message?.type === 'data') await receiver.skipContent(message.length);
  return message;
}

async function expectSequence(...types: Message['type'][]): Promise<void> {
  for (const type of types) expect(await next()).toMatchObject({ type });
}

describe('a sender ends the session with a receiver that', () => {
  it.each<[string, () => Promise<void>]>([
    ['stores what it does not have', () => stored(1)],
    ['answers an id that was never offered', () => stored(2)],
    ['is ready past the end', () => ready(1, 6)],
    ['is ready twice', async () => (await ready(1), ready(1))],
    ['sends digests that it did not announce', () => receiver.sendHave(1, [1n])],
    [
      'sends more digests than it announced',
      async () => {
        await say({ type: 'ready', id: 1, offset: 5, have: true });
        await receiver.sendHave(1, [1n, 2n]);
      },
    ],
    [
      'is ready again before the digests have come',
      async () => {
        await say({ type: 'ready', id: 1, offset: 5, have: true });
        await ready(1);
      },
    ],
    [
      'starts over although it had nothing',
      async () => {
        await ready(1);
        await expectSequence('data', 'end');
        await ready(1);
      },
    ],
    [
      'starts over twice',
      async () => {
        await ready(1, 5);
        await expectSequence('end');
        await ready(1);
        await expectSequence('data', 'end');
        await ready(1);
      },
    ],
    ['asks for a block before it is ready', () => say({ type: 'again', id: 1, offset: 0 })],
    ['asks for part of a block', async () => (await ready(1), say({ type: 'again', id: 1, offset: 3 }))],
    ['says goodbye first', () => say({ type: 'goodbye', id: 0 })],
    ['plays the sender', () => say({ type: 'end', id: 1, digest: '26c7827d889f6da3', size: 5 })],
    ['asks for a block past the end', async () => (await ready(1), say({ type: 'again', id: 1, offset: 2 ** 30 }))],
  ])('%s', async (_, attack) => {
    await expectSequence('offer');
    await attack();
    expect(await sender.result).toMatchObject({ code: 'protocol' });
  });

  it('is ready for a folder', async () => {
    receiver.destroy(lost());
    await connect([createMemoryDirectory('d')]);
    await expectSequence('offer');
    await ready(1);
    expect(await sender.result).toMatchObject({ code: 'protocol' });
  });

  it('closes before everything is stored', async () => {
    await expectSequence('offer');
    await ready(1);
    await expectSequence('data', 'end');
    receiver.destroy(lost());
    expect(await sender.result).toMatchObject({ code: 'lost' });
  });

  it('fails as a whole, with its code and sentence', async () => {
    await expectSequence('offer');
    await say({ type: 'error', id: 0, code: 'shutting-down', message: 'Later.' });
    expect(await sender.result).toMatchObject({ code: 'shutting-down', message: 'Later.' });
  });
});

describe('a sender', () => {
  it('offers a folder after every entry in it has ended', async () => {
    receiver.destroy(lost());
    await connect([createMemorySource('d/a', Buffer.from('hello')), createMemoryDirectory('d')]);
    await expectSequence('offer');
    await ready(1);
    await expectSequence('data', 'end');
    await stored(1);
    expect(await next()).toMatchObject({ type: 'offer', id: 2, entry: { kind: 'directory' } });
    await stored(2);
    await expectSequence('goodbye');
    await say({ type: 'goodbye', id: 0 });
    expect(await sender.result).toMatchObject({ stored: 2 });
  });

  it('sends only the digest of a file that is there already', async () => {
    await expectSequence('offer');
    await ready(1, 5);
    expect(await next()).toMatchObject({ type: 'end', digest: '26c7827d889f6da3' });
  });

  it('stops sending an entry that has failed, and goes on with the next', async () => {
    receiver.destroy(lost());
    await connect([
      createMemorySource('a', new Uint8Array(50 * 1024 ** 2).fill(1)),
      createMemorySource('b', Buffer.from('hello')),
    ]);
    await expectSequence('offer', 'offer');
    await ready(1);
    await say({ type: 'error', id: 1, code: 'no-space', message: 'The disk is full.' });
    await ready(2);
    let blocks = 0;
    for (let message = await next(); message?.id === 1; message = await next()) blocks += 1;
    expect(blocks).toBeLessThan(10);
    await expectSequence('end');
    await stored(2);
    await expectSequence('goodbye');
    await say({ type: 'goodbye', id: 0 });
    expect(await sender.result).toMatchObject({ stored: 1, failed: 1, firstFailure: { code: 'no-space' } });
  });

  it('stops at once when it is aborted while it reads blocks that the receiver has', async () => {
    receiver.destroy(lost());
    const blocks = 2_000;
    const block = new Uint8Array(BLOCK_BYTES);
    let read = 0;
    let closed: () => void = () => undefined;
    const isClosed = new Promise<void>((resolve) => (closed = resolve));
    const source: Source = {
      entry: { path: 'a', kind: 'file', size: (blocks + 1) * BLOCK_BYTES, mtimeNs: 0n, mode: 0o644 },
      async *blocks() {
        try {
          for (; read < blocks; read++) {
            if (read === 3) sender.stop.abort(new Error('stopped by the test'));
            await new Promise(setImmediate);
            yield block;
          }
        } finally {
          closed();
        }
      },
    };
    await connect([source]);
    await expectSequence('offer');
    await say({ type: 'ready', id: 1, offset: blocks * BLOCK_BYTES, have: true });
    await receiver.sendHave(
      1,
      Array.from({ length: blocks }, () => digestBlock(block)),
    );
    expect(await sender.result).toMatchObject({ code: 'aborted' });
    await isClosed;
    expect(read).toBeLessThan(20);
  });

  it('stops when it is aborted', async () => {
    await expectSequence('offer');
    sender.stop.abort(new Error('stopped by the test'));
    expect(await sender.result).toMatchObject({ code: 'aborted', message: 'stopped by the test' });
    expect(await next()).toMatchObject({ type: 'error', id: 0, code: 'aborted' });
    expect(await next()).toBeUndefined();
  });
});

describe('a receiver that pings but never answers', () => {
  beforeEach(async () => {
    receiver.destroy(lost());
    vi.useFakeTimers();
    await connect();
    await expectSequence('offer');
  });

  it('is dropped when it owes an answer to an offer', async () => {
    await vi.advanceTimersByTimeAsync(1.3 * DEFAULT_TIMEOUTS.controlMs);
    expect(await sender.result).toMatchObject({ code: 'timeout' });
  });

  it('is dropped when it owes a stored', async () => {
    await ready(1);
    await expectSequence('data', 'end');
    void receiver.receive().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(DEFAULT_TIMEOUTS.storedMs - 1);
    let over = false;
    void sender.result.then(() => (over = true));
    await vi.advanceTimersByTimeAsync(0);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(DEFAULT_TIMEOUTS.controlMs);
    expect(await sender.result).toMatchObject({ code: 'timeout' });
  });

  it('has more time for a file that it has to read, and is dropped after that', async () => {
    receiver.destroy(lost());
    const blocks = 2_000;
    const entry = { path: 'a', kind: 'file', size: blocks * BLOCK_BYTES, mtimeNs: 0n, mode: 0o644 } as const;
    const block = new Uint8Array(BLOCK_BYTES);
    await connect([
      {
        entry,
        async *blocks() {
          for (let n = 0; n < blocks; n++) yield await Promise.resolve(block);
        },
      },
    ]);
    await expectSequence('offer');
    await ready(1, entry.size);
    await expectSequence('end');
    void receiver.receive().catch(() => undefined);
    let over = false;
    void sender.result.then(() => (over = true));
    await vi.advanceTimersByTimeAsync(DEFAULT_TIMEOUTS.storedMs + blocks * 1000 - 1);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(DEFAULT_TIMEOUTS.controlMs);
    expect(await sender.result).toMatchObject({ code: 'timeout' });
  });

  it('is dropped when it does not say goodbye, and what it has stored counts', async () => {
    await ready(1);
    await expectSequence('data', 'end');
    await stored(1);
    await expectSequence('goodbye');
    await vi.advanceTimersByTimeAsync(DEFAULT_TIMEOUTS.goodbyeMs);
    expect(await sender.result).toMatchObject({ stored: 1, failed: 0 });
  });
});

it('a receiver that is gone after everything was stored does not fail the send', async () => {
  await expectSequence('offer');
  await ready(1);
  await expectSequence('data', 'end');
  await stored(1);
  await expectSequence('goodbye');
  receiver.destroy(lost());
  expect(await sender.result).toMatchObject({ stored: 1, failed: 0 });
});

describe('a receiver does not choose how the sender ends:', () => {
  const ITS_OWN = [74, 75, 76, 77, 78];
  const endings = (code: ErrorCode): [string, () => Promise<void>][] => [
    ['the session', () => say({ type: 'error', id: 0, code, message: 'x' })],
    ['an entry', () => say({ type: 'error', id: 1, code, message: 'x' })],
    ['an entry it refuses', () => say({ type: 'refused', id: 1, code, message: 'x' })],
  ];

  it.each(WIRE_CODES.flatMap((code) => endings(code).map(([what, end]) => [code, what, end] as const)))(
    'the code %s for %s has an exit status from 74 to 78',
    async (_, __, end) => {
      await expectSequence('offer');
      await end();
      await say({ type: 'goodbye', id: 0 });
      const result = await sender.result;
      const failure = result instanceof FtxError ? result : result.firstFailure;
      expect(ITS_OWN).toContain(failure && exitCodeFor(failure.code));
    },
  );
});
