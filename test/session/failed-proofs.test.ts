/** A sender that proves wrongly, so that the receiver reads its own files for nothing. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { digestBlock } from '../../src/core/checksum.js';
import { BLOCK_BYTES, type Entry } from '../../src/core/entry.js';
import type { Bringer } from '../../src/core/inbox.js';
import type { Sink } from '../../src/core/sink.js';
import { createChannel, type Channel } from '../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS, PROOF_CAPABILITY } from '../../src/protocol/constants.js';
import type { Message } from '../../src/protocol/messages.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemorySink, type MemorySinkOptions } from '../support/memory-sink.js';
import { runReceiver } from '../support/session.js';

const CONTENT = new Uint8Array(BLOCK_BYTES).fill(3);
const DIGEST = digestBlock(CONTENT);
const OFFER: Entry = { path: 'film', kind: 'file', size: CONTENT.length, mtimeNs: 0n, mode: 0o644 };
const WRONG = '0'.repeat(64);

const channels: Channel[] = [];
afterEach(() => {
  for (const channel of channels.splice(0)) channel.destroy(lost());
});

let keys = 0;
const newKey = (): Bringer => ({ kind: 'key', id: `sha256:${String(++keys).padStart(64, '0')}` });

/** A receiver that has a file, and how often it has read that to its end. */
function createReceiver(options: MemorySinkOptions = {}) {
  const memory = createMemorySink(options);
  memory.entries.set('film', { kind: 'file', content: CONTENT.slice(), mode: 0o644, mtimeNs: 0n });
  const receiver = { memory, reads: 0, connect };
  const sink: Sink = {
    ...memory,
    async open(...given) {
      const opened = await memory.open(...given);
      if (opened.state !== 'present') return opened;
      return {
        ...opened,
        async *blocks() {
          receiver.reads += 1;
          yield* opened.blocks();
        },
      };
    },
  };

  async function connect(bringer: Bringer, host: string): Promise<Channel> {
    const [left, right] = connectionPair();
    runReceiver({ ...right, address: { host, port: 1 } }, { ...memory, ...sink }, undefined, undefined, bringer);
    const channel = createChannel(left, DEFAULT_TIMEOUTS);
    await channel.greet({ agent: 'test', capabilities: [PROOF_CAPABILITY] });
    channels.push(channel);
    return channel;
  }

  return receiver;
}

/** Offers the file, and proves wrongly if it is asked to. Returns the first answer, and gives up what is asked for then. */
async function attack(channel: Channel, id: number): Promise<Message | undefined> {
  await channel.send({ type: 'offer', id, entry: OFFER });
  const answer = await channel.receive();
  if (answer?.type !== 'ready') return answer;
  if (answer.nonce !== undefined) {
    await channel.send({ type: 'end', id, digest: '0'.repeat(16), size: CONTENT.length, proof: WRONG });
    const second = await channel.receive();
    if (second?.type !== 'ready') return answer;
  }
  await channel.send({ type: 'error', id, code: 'changed', message: 'Never mind.' });
  expect(await channel.receive()).toMatchObject({ type: 'error', id });
  return answer;
}

describe('after three wrong proofs of one file', () => {
  it.each<[string, (round: number, key: Bringer) => [Bringer, string], MemorySinkOptions]>([
    ['of one key, from many networks', (round, key) => [key, `198.51.100.${round}`], {}],
    ['from one network, of many keys', () => [newKey(), '203.0.113.1'], {}],
    ['from one network of IPv6', (round) => [newKey(), `2001:db8:1:2::${round}`], {}],
    ['to a receiver that replaces nothing', (_, key) => [key, '203.0.113.2'], { onConflict: 'fail' }],
  ])('%s, the content comes first', async (_, who, options) => {
    const receiver = createReceiver(options);
    const key = newKey();
    for (let round = 1; round <= 8; round += 1) {
      const answer = await attack(await receiver.connect(...who(round, key)), 1);
      expect(answer).toMatchObject({ type: 'ready', offset: round > 3 ? 0 : CONTENT.length });
    }
    expect(receiver.reads).toBe(3);
  });

  it('the session goes on, and the content counts as already there', async () => {
    const receiver = createReceiver();
    const channel = await receiver.connect(newKey(), '203.0.113.3');
    for (let id = 1; id <= 8; id += 1) await attack(channel, id);
    expect(receiver.reads).toBe(3);
    await channel.send({ type: 'offer', id: 9, entry: OFFER });
    expect(await channel.receive()).toMatchObject({ type: 'ready', id: 9, offset: 0 });
    await channel.sendBlock({ type: 'data', id: 9, offset: 0, digest: DIGEST, length: CONTENT.length }, CONTENT);
    const digest = DIGEST.toString(16).padStart(16, '0');
    await channel.send({ type: 'end', id: 9, digest, size: CONTENT.length });
    expect(await channel.receive()).toMatchObject({ type: 'stored', id: 9, as: 'film', already: true });
    expect([...receiver.memory.entries.keys()]).toEqual(['film']);
  });

  it('another key from elsewhere may prove, and so may the same for a file that has changed', async () => {
    const receiver = createReceiver();
    const key = newKey();
    for (let id = 1; id <= 4; id += 1) await attack(await receiver.connect(key, '203.0.113.4'), 1);
    const honest = await receiver.connect(newKey(), '203.0.113.5');
    await honest.send({ type: 'offer', id: 1, entry: OFFER });
    const { nonce } = (await honest.receive()) as { nonce: string };
    const proof = createHash('sha256').update(Buffer.from(nonce, 'hex')).update(CONTENT).digest('hex');
    await honest.send({ type: 'end', id: 1, digest: '0'.repeat(16), size: CONTENT.length, proof });
    expect(await honest.receive()).toMatchObject({ type: 'stored', already: true });
    receiver.memory.entries.set('film', { kind: 'file', content: CONTENT.slice(), mode: 0o644, mtimeNs: 0n });
    const again = await attack(await receiver.connect(key, '203.0.113.4'), 1);
    expect(again).toMatchObject({ type: 'ready', offset: CONTENT.length });
  });
});
