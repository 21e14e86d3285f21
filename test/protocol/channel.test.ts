import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../src/core/connection.js';
import { createChannel, type Channel } from '../../src/protocol/channel.js';
import { encodeControl } from '../../src/protocol/codec.js';
import { DEFAULT_TIMEOUTS, GREETING, MAX_CONTROL_BYTES } from '../../src/protocol/constants.js';
import type { ControlMessage, Message } from '../../src/protocol/messages.js';
import { codeOf } from '../support/error-code.js';
import { parseHex, readFixtureText } from '../support/hex.js';
import { connectionPair, lost, scriptedConnection } from '../support/memory-connection.js';
import { makeEntries } from '../support/pack-frames.js';
import { PACKED_FILES, WIRE_MESSAGES } from '../support/wire-messages.js';

const HELLO = { agent: 'test', capabilities: [] };
const open: Channel[] = [];

function channelOver(connection: Connection, timeouts = DEFAULT_TIMEOUTS): Channel {
  const channel = createChannel(connection, timeouts);
  open.push(channel);
  return channel;
}

afterEach(() => {
  vi.useRealTimers();
  for (const channel of open.splice(0)) channel.destroy(lost());
});

/** All messages of a channel to its end, with the content of blocks and packs. */
async function readAll(channel: Channel): Promise<(Message | string)[]> {
  const messages: (Message | string)[] = [];
  for (;;) {
    const message = await channel.receive();
    if (!message) return messages;
    messages.push(message);
    if (message.type !== 'data' && message.type !== 'pack') continue;
    const content = Buffer.alloc(message.length);
    await channel.readContent(content);
    messages.push(content.toString());
  }
}

const names = Object.keys(WIRE_MESSAGES);
const wire = Buffer.concat(names.map((name) => parseHex(readFixtureText(name))));
const expected = names
  .map((name) => WIRE_MESSAGES[name]!)
  .filter((message) => message.type !== 'ping')
  .flatMap((message): (Message | string)[] => {
    if (message.type === 'pack') return [message, makeEntries(PACKED_FILES).toString()];
    return message.type === 'data' ? [message, 'hello'] : [message];
  });

describe('receive', () => {
  it('returns every message, split at any byte, and no ping', async () => {
    for (let at = 0; at <= wire.length; at++) {
      const { connection } = scriptedConnection([wire.subarray(0, at), wire.subarray(at)]);
      expect(await readAll(channelOver(connection)), `split at ${at}`).toEqual(expected);
      open.pop()?.destroy(lost());
    }
  });

  it('reads every message one byte at a time', async () => {
    const { connection } = scriptedConnection([...wire].map((byte) => Uint8Array.of(byte)));
    expect(await readAll(channelOver(connection))).toEqual(expected);
  });

  it('returns undefined for an end between messages, and throws lost for an end within one, at every byte', async () => {
    const frame = parseHex(readFixtureText('data'));
    for (let length = 0; length < frame.length; length++) {
      const { connection } = scriptedConnection([frame.subarray(0, length)]);
      expect(await codeOf(readAll(channelOver(connection))), `${length} bytes`).toBe(length === 0 ? undefined : 'lost');
      open.pop()?.destroy(lost());
    }
  });

  it('reads no payload of a frame that is over its limit', async () => {
    const head = Buffer.from(encodeControl({ type: 'refused', id: 1, code: 'io', message: '' })).subarray(0, 16);
    head.writeUInt32BE(MAX_CONTROL_BYTES + 1, 8);
    const { connection } = scriptedConnection([head], 'wait');
    expect(await codeOf(channelOver(connection).receive())).toBe('protocol');
  });

  it('never throws anything but its own errors', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 10 }), async (parts) => {
        const { connection } = scriptedConnection(parts);
        expect([undefined, 'protocol', 'lost']).toContain(await codeOf(readAll(channelOver(connection))));
        open.pop()?.destroy(lost());
      }),
    );
  });
});

describe('greet', () => {
  it('exchanges hellos', async () => {
    const [left, right] = connectionPair();
    const [a, b] = [channelOver(left), channelOver(right)];
    const limits = { offers: 3, size: 9 };
    const [seenByA, seenByB] = await Promise.all([a.greet(HELLO), b.greet({ ...HELLO, limits })]);
    expect(seenByA).toMatchObject({ agent: 'test', limits });
    expect(seenByB.limits).toBeUndefined();
  });

  it('refuses a hello with an idle time that would ask for a storm of pings', async () => {
    const hello = encodeControl({ type: 'hello', id: 0, ...HELLO, idleMs: 999 });
    expect(await codeOf(channelOver(scriptedConnection([GREETING, hello]).connection).greet(HELLO))).toBe('protocol');
  });

  it.each([50, 10 ** 10])('announces its idle time within the limits of the protocol (%i ms)', async (idleMs) => {
    const [left, right] = connectionPair();
    const [a, b] = [channelOver(left, { ...DEFAULT_TIMEOUTS, idleMs }), channelOver(right)];
    const [, seenByB] = await Promise.all([a.greet(HELLO), b.greet(HELLO)]);
    expect(seenByB.idleMs).toBe(idleMs === 50 ? 1_000 : 86_400_000);
  });

  it.each([
    ['another version', [Buffer.from('ftx/2\n')], 'protocol'],
    ['another protocol', [Buffer.from('SSH-2.0-x\r\n')], 'protocol'],
    ['nothing', [], 'lost'],
    ['half a greeting', [Buffer.from('ftx')], 'lost'],
    ['a greeting and nothing else', [GREETING], 'lost'],
    ['no hello', [GREETING, parseHex(readFixtureText('ready'))], 'protocol'],
    ['an error', [GREETING, parseHex(readFixtureText('error-session'))], 'busy'],
  ])('refuses %s', async (_, parts, code) => {
    const { connection } = scriptedConnection(parts);
    expect(await codeOf(channelOver(connection).greet(HELLO))).toBe(code);
  });
});

describe('deadlines', () => {
  it.each([
    ['no greeting', [], 'greetingMs'],
    ['a greeting that trickles', [Buffer.from('ft')], 'greetingMs'],
  ] as const)('end %s', async (_, parts, limit) => {
    vi.useFakeTimers();
    const { connection } = scriptedConnection(parts, 'wait');
    const outcome = codeOf(channelOver(connection).greet(HELLO));
    await vi.advanceTimersByTimeAsync(DEFAULT_TIMEOUTS[limit]);
    expect(await outcome).toBe('timeout');
  });

  it('end a message that is never finished, although bytes trickle in', async () => {
    vi.useFakeTimers();
    const [left, right] = connectionPair();
    const outcome = codeOf(channelOver(left).receive());
    const frame = parseHex(readFixtureText('offer-file'));
    const everyMs = 5_000;
    for (let at = 0; at * everyMs <= DEFAULT_TIMEOUTS.controlMs; at++) {
      void right.write([frame.subarray(at === 0 ? 0 : 15 + at, 16 + at)]).catch(() => undefined);
      await vi.advanceTimersByTimeAsync(everyMs);
    }
    expect(await outcome).toBe('timeout');
  });

  it('end a header that is never finished, although bytes trickle in', async () => {
    vi.useFakeTimers();
    const [left, right] = connectionPair();
    const outcome = codeOf(channelOver(left).receive());
    const header = parseHex(readFixtureText('ping'));
    const everyMs = 20_000;
    for (let at = 0; at * everyMs <= DEFAULT_TIMEOUTS.controlMs; at++) {
      void right.write([header.subarray(at, at + 1)]).catch(() => undefined);
      await vi.advanceTimersByTimeAsync(everyMs);
    }
    expect(await outcome).toBe('timeout');
  });

  it('end a silent peer, but not one that pings', async () => {
    vi.useFakeTimers();
    const [left, right] = connectionPair();
    const pinging = channelOver(left);
    const listening = channelOver(right);
    await Promise.all([pinging.greet(HELLO), listening.greet(HELLO)]);
    let outcome = 'waiting';
    void codeOf(listening.receive()).then((code) => (outcome = code ?? 'ended'));
    void pinging.receive().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(10 * DEFAULT_TIMEOUTS.idleMs);
    expect(outcome).toBe('waiting');
    const [alone] = connectionPair();
    const silent = codeOf(channelOver(alone).receive());
    await vi.advanceTimersByTimeAsync(2 * DEFAULT_TIMEOUTS.idleMs);
    expect(await silent).toBe('timeout');
  });

  it('end a write that the peer does not take', async () => {
    vi.useFakeTimers();
    const [left] = connectionPair();
    const block = new Uint8Array(1024 * 1024);
    const head = { type: 'data', id: 1, offset: 0, digest: 0n, length: block.length } as const;
    const outcome = codeOf(channelOver(left).sendBlock(head, block));
    await vi.advanceTimersByTimeAsync(2 * DEFAULT_TIMEOUTS.idleMs);
    expect(await outcome).toBe('timeout');
  });

  it('tell the peer the timeout before the connection is dropped', async () => {
    vi.useFakeTimers();
    const [left, right] = connectionPair();
    const outcome = codeOf(channelOver(left).receive());
    const peer = createChannel(right, { ...DEFAULT_TIMEOUTS, idleMs: 3_600_000 });
    const heard = peer.receive();
    await vi.advanceTimersByTimeAsync(2 * DEFAULT_TIMEOUTS.idleMs);
    expect(await outcome).toBe('timeout');
    expect(await heard).toMatchObject({ type: 'error', id: 0, code: 'timeout' });
    peer.destroy(lost());
  });

  it('do not count the time in which nothing is being read or written', async () => {
    vi.useFakeTimers();
    const { connection } = scriptedConnection([wire]);
    const channel = channelOver(connection);
    await vi.advanceTimersByTimeAsync(10 * DEFAULT_TIMEOUTS.idleMs);
    expect(await channel.receive()).toEqual(expected[0]);
  });
});

describe('send', () => {
  it('waits when the peer reads nothing', async () => {
    const [left] = connectionPair();
    const channel = channelOver(left);
    const message = { type: 'error', id: 1, code: 'io', message: 'x'.repeat(1000) } as const;
    let sent = 0;
    void (async () => {
      for (; sent < 10_000; sent++) await channel.send(message);
    })().catch(() => undefined);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(sent).toBeLessThan(1000);
    expect(sent).toBeGreaterThan(10);
  });
});

/** A connection that takes what is written, or never does. */
function recorder(takes: boolean) {
  const writes: Buffer[] = [];
  const { connection } = scriptedConnection([], 'wait');
  const write = (parts: readonly Uint8Array[]) => {
    writes.push(Buffer.concat(parts));
    return takes ? Promise.resolve() : new Promise<void>(() => undefined);
  };
  return { writes, connection: { ...connection, write } };
}

describe('what is said in one turn of the event loop', () => {
  const blockOf = (length: number, offset: number) =>
    [{ type: 'data', id: 1, offset, digest: 1n, length }, Buffer.alloc(length, 'b')] as const;

  it('goes out together and in order, with small blocks in it and before a large one', async () => {
    const { writes, connection } = recorder(true);
    const channel = channelOver(connection);
    const control = WIRE_MESSAGES['again'] as ControlMessage;
    void channel.send(control);
    void channel.sendBlock(...blockOf(5, 0));
    void channel.send(control);
    void channel.sendBlock(...blockOf(2 ** 20, 2 ** 20));
    void channel.send(control);
    await new Promise(setImmediate);
    expect(writes).toHaveLength(2);
    const types = (await readAll(channelOver(scriptedConnection(writes).connection))).map((message) =>
      typeof message === 'string' ? message.length : message.type,
    );
    expect(types).toEqual(['again', 'data', 5, 'again', 'data', 2 ** 20, 'again']);
  });

  it('is copied, so that the memory of a small block can be used again at once', async () => {
    const { writes, connection } = recorder(true);
    const [head, block] = blockOf(5, 0);
    await channelOver(connection).sendBlock(head, block);
    block.fill('x');
    await new Promise(setImmediate);
    expect(writes[0]!.subarray(-5).toString()).toBe('bbbbb');
  });

  it('goes out before the end', () => {
    const { writes, connection } = recorder(true);
    const channel = channelOver(connection);
    void channel.send({ type: 'goodbye', id: 0 });
    channel.destroy(lost());
    expect(writes.map((bytes) => Uint8Array.from(bytes))).toEqual([encodeControl({ type: 'goodbye', id: 0 })]);
  });

  it('makes sendBlock wait while the peer takes nothing, also for small blocks, and never the goodbye', async () => {
    const channel = channelOver(recorder(false).connection);
    let said = 0;
    void (async () => {
      for (; ; said++) await channel.sendBlock(...blockOf(10_000, said * 2 ** 20));
    })();
    await new Promise(setImmediate);
    void channel.send({ type: 'goodbye', id: 0 });
    const drained = vi.fn();
    void channel.drain().then(drained);
    await new Promise(setImmediate);
    expect(said).toBe(26);
    expect(drained).not.toHaveBeenCalled();
  });
});

it('pings do not pile up before a peer that reads nothing', async () => {
  vi.useFakeTimers();
  const { connection } = scriptedConnection(
    [GREETING, encodeControl({ type: 'hello', id: 0, ...HELLO, idleMs: 1_000 })],
    'wait',
  );
  let stuck = false;
  let pings = 0;
  const channel = channelOver({
    ...connection,
    write: () => (stuck ? (pings++, new Promise<void>(() => undefined)) : Promise.resolve()),
  });
  await channel.greet(HELLO);
  stuck = true;
  await vi.advanceTimersByTimeAsync(DEFAULT_TIMEOUTS.idleMs);
  expect(pings).toBe(1);
});

describe('destroy', () => {
  it('ends every wait with the first reason', async () => {
    const [left] = connectionPair();
    const channel = channelOver(left);
    const outcome = codeOf(channel.receive());
    channel.destroy(lost());
    channel.destroy(new Error('later'));
    expect(await outcome).toBe('lost');
  });
});
