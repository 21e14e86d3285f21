/** What counts as use of a session: only what is accepted. */
import { expect, it, onTestFinished } from 'vitest';
import { digestBlock, formatDigest } from '../../../src/core/checksum.js';
import { BLOCK_BYTES, type Entry } from '../../../src/core/entry.js';
import type { Message } from '../../../src/protocol/messages.js';
import { DEFAULT_TIMEOUTS } from '../../../src/protocol/constants.js';
import { encodeDataHead } from '../../../src/protocol/codec.js';
import { connectionPair, lost } from '../../support/memory-connection.js';
import { greetAs, runReceiver } from '../../support/session.js';

const FILE: Entry = { path: 'a', kind: 'file', size: 5, mtimeNs: 0n, mode: 0o644 };
const DIRECTORY: Entry = { ...FILE, path: 'd', kind: 'directory', size: 0 };
const REFUSED: Entry = { ...FILE, path: '../a' };
const hello = Buffer.from('hello');
const end = { type: 'end', id: 1, digest: formatDigest(digestBlock(hello)), size: 5 } as const;

/** A sender that the test plays. */
async function begin() {
  const [raw, right] = connectionPair();
  let uses = 0;
  const receiver = runReceiver(right, undefined, DEFAULT_TIMEOUTS, undefined, undefined, () => (uses += 1));
  const channel = await greetAs('sender', raw);
  onTestFinished(() => channel.destroy(lost()));
  const sendBlock = (block: Uint8Array, id = 1) =>
    channel.sendBlock({ type: 'data', id, offset: 0, digest: digestBlock(block), length: block.length }, block);
  /** Whether `work` was of use, once the receiver has answered `answers` times, and has taken all that was sent. */
  async function isOfUse(work: () => Promise<unknown>, answers: readonly Message['type'][]): Promise<boolean> {
    const before = uses;
    await work();
    for (const type of answers) expect((await channel.receive())?.type).toBe(type);
    return uses > before;
  }
  return { raw, channel, receiver, sendBlock, isOfUse, uses: () => uses };
}

it('an offer that is taken, content, and what is stored are of use', async () => {
  const { channel, sendBlock, isOfUse } = await begin();
  expect(await isOfUse(() => channel.send({ type: 'offer', id: 1, entry: FILE }), ['ready'])).toBe(true);
  const bringIt = () => sendBlock(hello).then(() => channel.send(end));
  expect(await isOfUse(bringIt, ['stored'])).toBe(true);
  expect(await isOfUse(() => channel.send({ type: 'offer', id: 2, entry: DIRECTORY }), ['stored'])).toBe(true);
});

it('a list is of use', async () => {
  const { channel, isOfUse, sendBlock } = await begin();
  const check = { type: 'check', id: 0, entries: [FILE], last: true, dryRun: false } as const;
  await isOfUse(() => channel.send(check), ['checked']);
  expect(await isOfUse(() => channel.send({ type: 'offer', id: 1, entry: FILE }), ['ready'])).toBe(true);
  await sendBlock(hello);
});

it('refused offers, and frames about what has ended, are of no use', async () => {
  const { channel, sendBlock, isOfUse, uses, receiver } = await begin();
  expect(await isOfUse(() => channel.send({ type: 'offer', id: 1, entry: REFUSED }), ['refused'])).toBe(false);
  await channel.send({ type: 'ping', id: 0 });
  await channel.send({ type: 'error', id: 1, code: 'io', message: 'x' });
  await channel.send(end);
  await sendBlock(Buffer.alloc(BLOCK_BYTES));
  await channel.send({ type: 'goodbye', id: 0 });
  expect((await channel.receive())?.type).toBe('goodbye');
  await receiver.result;
  expect(uses()).toBe(0);
});

it('content is of use as it comes, and not only once its block is whole', async () => {
  const { raw, channel, isOfUse, uses } = await begin();
  await isOfUse(() => channel.send({ type: 'offer', id: 1, entry: { ...FILE, size: BLOCK_BYTES } }), ['ready']);
  const block = Buffer.alloc(BLOCK_BYTES);
  const head = { type: 'data', id: 1, offset: 0, digest: digestBlock(block), length: block.length } as const;
  await raw.write([encodeDataHead(head)]);
  for (let at = 0; at < 3000; at += 1000) {
    const before = uses();
    await raw.write([block.subarray(at, at + 1000)]);
    while (uses() === before) await new Promise(setImmediate);
  }
});
