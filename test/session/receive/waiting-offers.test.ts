/** Offers beyond the slots of a session wait. */
import { expect, it, onTestFinished } from 'vitest';
import { digestBlock, formatDigest } from '../../../src/core/checksum.js';
import type { Entry } from '../../../src/core/entry.js';
import { createSlots, type Slots } from '../../../src/core/slots.js';
import { DEFAULT_TIMEOUTS } from '../../../src/protocol/constants.js';
import { receiveSession } from '../../../src/session/receive/receiver.js';
import { connectionPair, lost } from '../../support/memory-connection.js';
import { createMemorySink } from '../../support/memory-sink.js';
import { createMemorySource } from '../../support/memory-source.js';
import { greetAs, pool, runSender } from '../../support/session.js';

const block = Buffer.from('hello');
const entryOf = (id: number): Entry => ({ path: `f${id}`, kind: 'file', size: 5, mtimeNs: 0n, mode: 0o644 });
const digest = formatDigest(digestBlock(block));

function startReceiver(slots: Slots, network = 'network') {
  const [left, right] = connectionPair();
  const sink = createMemorySink();
  const opened: string[] = [];
  const noted = {
    ...sink,
    open: (...offer: Parameters<typeof sink.open>) => (opened.push(offer[0].path), sink.open(...offer)),
  };
  const result = receiveSession(right, {
    ...{ session: 1, bringer: { kind: 'none', address: '192.0.2.1' }, sink: noted, pool },
    limits: { offers: 64, size: 2 ** 40 },
    slots: slots.join(network),
    timeouts: DEFAULT_TIMEOUTS,
    signal: new AbortController().signal,
  });
  return { left, opened, sink, result };
}

async function playSender(slots: Slots, network?: string) {
  const receiver = startReceiver(slots, network);
  const channel = await greetAs('sender', receiver.left);
  onTestFinished(() => channel.destroy(lost()));
  const offer = (id: number, more: Partial<Entry> = {}) =>
    channel.send({ type: 'offer', id, entry: { ...entryOf(id), ...more } });
  const bring = async (id: number) => {
    await channel.sendBlock({ type: 'data', id, offset: 0, digest: digestBlock(block), length: 5 }, block);
    await channel.send({ type: 'end', id, digest, size: 5 });
  };
  return { ...receiver, channel, offer, bring };
}

it('an offer is answered when an entry before it has ended, and the sink hears of it no earlier', async () => {
  const { channel, offer, bring, opened, result } = await playSender(createSlots(0));
  for (let id = 1; id <= 10; id++) await offer(id);
  for (let id = 1; id <= 10; id++) {
    expect(await channel.receive()).toMatchObject({ type: 'ready', id });
    expect(opened.length).toBe(id);
    await bring(id);
    expect(await channel.receive()).toMatchObject({ type: 'stored', id });
  }
  await channel.send({ type: 'goodbye', id: 0 });
  expect(await result).toMatchObject({ stored: 10, failed: 0 });
});

it('a path that no sink takes is refused without a wait, and so takes no memory', async () => {
  const { channel, offer } = await playSender(createSlots(0));
  await offer(1);
  expect(await channel.receive()).toMatchObject({ type: 'ready', id: 1 });
  await offer(2, { path: 'x'.repeat(5000) });
  expect(await channel.receive()).toMatchObject({ id: 2 });
});

it('a session that holds entries and does nothing does not keep another one waiting', async () => {
  const slots = createSlots(2);
  const hog = await playSender(slots, 'a');
  for (let id = 1; id <= 20; id++) await hog.offer(id);
  expect(await hog.channel.receive()).toMatchObject({ type: 'ready', id: 1 });
  const { left, result } = startReceiver(slots, 'b');
  const sources = Array.from({ length: 30 }, (_, n) => createMemorySource(`s${n}`, block));
  expect(await runSender(left, sources).result).toMatchObject({ stored: 30 });
  expect(await result).toMatchObject({ stored: 30 });
});

it('a session that ends lets go of all its slots, those of offers that wait included', async () => {
  const slots = createSlots(4);
  const gone = await playSender(slots);
  for (let id = 1; id <= 20; id++) await gone.offer(id);
  expect(await gone.channel.receive()).toMatchObject({ type: 'ready', id: 1 });
  gone.channel.destroy(lost());
  expect(await gone.result).toMatchObject({ failed: 20 });
  const { channel, offer } = await playSender(slots);
  for (let id = 1; id <= 3; id++) {
    await offer(id);
    expect(await channel.receive()).toMatchObject({ type: 'ready', id });
  }
});
