/** Both sides of pairing over a memory pair, the other one played by the test. */
import { describe, expect, it } from 'vitest';
import { FtxError } from '../../src/core/errors.js';
import { createChannel, type Channel } from '../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import type { ControlMessage, PairStep } from '../../src/protocol/messages.js';
import { pairAsReceiver, pairAsSender } from '../../src/session/pairing.js';
import type { TransferEvent } from '../../src/core/events.js';
import { receiveSession } from '../../src/session/receive/receiver.js';
import { connectionPair } from '../support/memory-connection.js';
import { createMemorySink } from '../support/memory-sink.js';
import { pool } from '../support/session.js';

const LIMIT_MS = 60_000;
const step = (name: PairStep, data = ''): ControlMessage => ({ type: 'pair', id: 0, step: name, data });
const OFFER: ControlMessage = {
  type: 'offer',
  id: 1,
  entry: { path: 'x', kind: 'file', size: 1, mtimeNs: 0n, mode: 0o644 },
};

async function greeted(): Promise<[Channel, Channel]> {
  const channels = connectionPair().map((end) => createChannel(end, DEFAULT_TIMEOUTS)) as [Channel, Channel];
  await Promise.all(channels.map((channel) => channel.greet({ agent: 'test', capabilities: [] })));
  return channels;
}

/** A sender whose proof is `P` if the answer is `A`, and what it does in which order. */
async function runSender(limitMs = LIMIT_MS) {
  const [own, peer] = await greeted();
  const done: string[] = [];
  const finish = (answer: string) => (answer === 'A' ? 'P' : undefined);
  const onProved = () => Promise.resolve(void done.push('remembered'));
  const result = pairAsSender(own, { request: 'R', finish, onProved }, limitMs).then(
    () => 'paired',
    (error: unknown) => (error as FtxError).code,
  );
  expect(await peer.receive()).toEqual(step('request', 'R'));
  return { peer, done, result, own };
}

/** A receiver that answers `A` to everything and takes `P` for a proof. */
async function runReceiver(limitMs = LIMIT_MS) {
  const [peer, own] = await greeted();
  const done: string[] = [];
  const answer = (request: string) => Promise.resolve((done.push(`try ${request}`), 'A'));
  const accept = (proof: string) => {
    if (proof !== 'P') return Promise.reject(new FtxError('unpaired', 'The code is wrong.'));
    return Promise.resolve(void done.push('remembered'));
  };
  const result = pairAsReceiver(own, { answer, accept }, limitMs).catch((error: unknown) => (error as FtxError).code);
  return { peer, done, result, own };
}

describe('a sender', () => {
  it('remembers a receiver that has proved it before it proves the same', async () => {
    const { peer, done, result } = await runSender();
    await peer.send(step('answer', 'A'));
    expect(await peer.receive()).toEqual(step('proof', 'P'));
    expect(done).toEqual(['remembered']);
    await peer.send(step('paired'));
    expect(await result).toBe('paired');
  });

  it.each<[string, ControlMessage, string]>([
    ['a wrong answer', step('answer', 'B'), 'unpaired'],
    ['no answer but the end', step('paired'), 'protocol'],
    ['the request that it has sent', step('request', 'R'), 'protocol'],
    ['something else', { type: 'goodbye', id: 0 }, 'protocol'],
    ['that the code is used up', { type: 'error', id: 0, code: 'unpaired', message: 'Used.' }, 'unpaired'],
  ])('that gets %s proves and remembers nothing', async (_, message, code) => {
    const { peer, done, result, own } = await runSender();
    await peer.send(message);
    expect([await result, done]).toEqual([code, []]);
    own.destroy(new Error('over'));
    expect(await peer.receive().catch(() => undefined)).toBeUndefined();
  });

  it('gives up when the receiver talks and does not answer', async () => {
    const { peer, done, result } = await runSender(50);
    await peer.send({ type: 'ping', id: 0 });
    expect([await result, done]).toEqual(['timeout', []]);
  });

  it('tells that the connection broke from that the code is wrong', async () => {
    const { peer, result } = await runSender();
    peer.destroy(new Error('gone'));
    expect(await result).not.toBe('unpaired');
  });
});

it('a session in which a stranger leaves without a try has no event at all, because nobody has connected', async () => {
  const [left, right] = connectionPair();
  const events: TransferEvent[] = [];
  const session = receiveSession(right, {
    session: 1,
    sink: createMemorySink(),
    bringer: { kind: 'none', address: '192.0.2.1' },
    pool,
    limits: { offers: 1, size: 1 },
    timeouts: DEFAULT_TIMEOUTS,
    signal: new AbortController().signal,
    onEvent: (event) => events.push(event),
    pair: () => Promise.resolve(false),
  });
  await createChannel(left, DEFAULT_TIMEOUTS).greet({ agent: 'test', capabilities: [] });
  expect(await session).toMatchObject({ stored: 0, failed: 0 });
  expect(events).toEqual([]);
});

describe('a receiver', () => {
  it('says that it remembers a sender when it does', async () => {
    const { peer, done, result } = await runReceiver();
    await peer.send(step('request', 'R'));
    expect(await peer.receive()).toEqual(step('answer', 'A'));
    await peer.send(step('proof', 'P'));
    expect(await peer.receive()).toEqual(step('paired'));
    expect([await result, done]).toEqual([true, ['try R', 'remembered']]);
  });

  it.each<[string, ControlMessage]>([
    ['says goodbye', { type: 'goodbye', id: 0 }],
    ['breaks off to ask for the code', { type: 'error', id: 0, code: 'unpaired', message: 'No code.' }],
  ])('counts no try of a sender that %s', async (_, message) => {
    const { peer, done, result } = await runReceiver();
    await peer.send(message);
    expect([await result, done]).toEqual([false, []]);
  });

  it.each<[string, readonly ControlMessage[], string, readonly string[]]>([
    ['offers a file instead', [OFFER], 'unpaired', []],
    ['proves before it asks', [step('proof', 'P')], 'protocol', []],
    ['asks twice', [step('request', 'R'), step('request', 'R')], 'protocol', ['try R']],
    ['proves something else', [step('request', 'R'), step('proof', 'Q')], 'unpaired', ['try R']],
    ['offers a file after the answer', [step('request', 'R'), OFFER], 'protocol', ['try R']],
    [
      'breaks off after the answer',
      [step('request', 'R'), { type: 'error', id: 0, code: 'unpaired', message: 'Wrong.' }],
      'unpaired',
      ['try R'],
    ],
  ])('remembers no sender that %s', async (_, messages, code, tried) => {
    const { peer, done, result } = await runReceiver();
    for (const message of messages) await peer.send(message);
    expect([await result, done]).toEqual([code, tried]);
  });

  it.each([[[]], [[step('request', 'R')]]])(
    'waits for no sender that pings and does not go on (%#)',
    async (messages) => {
      const { peer, done, result } = await runReceiver(50);
      for (const message of [...messages, { type: 'ping', id: 0 } as const]) await peer.send(message);
      expect(await result).toBe('timeout');
      expect(done).not.toContain('remembered');
    },
  );
});
