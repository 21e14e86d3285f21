/** Files that the sender has brought before, and that come to their end by the answer to its list. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { digestBlock, formatDigest } from '../../src/core/checksum.js';
import type { TransferEvent } from '../../src/core/events.js';
import type { Source } from '../../src/core/source.js';
import { CHECK_CAPABILITY, PACKS_CAPABILITY } from '../../src/protocol/constants.js';
import type { Verdict } from '../../src/protocol/item-json.js';
import { openFolderInbox } from '../../src/storage/inbox/inbox.js';
import { tempDir } from '../support/folders.js';
import { connectionPair, lost } from '../support/memory-connection.js';
import { createMemoryDirectory, createMemorySource } from '../support/memory-source.js';
import { greetAs, runReceiver, runSender } from '../support/session.js';
import type { MemorySink } from '../support/memory-sink.js';

const MIB = 1024 * 1024;
const bringerOf = (digit: string) => ({ kind: 'key', id: `sha256:${digit.repeat(64)}` }) as const;
const DIGEST_OF_TWO = formatDigest(digestBlock(Buffer.from('two')));
const OFFERED_AT = 1_600_000_000_000_000_000n;

function withPin(path: string, content: Uint8Array, pin?: string): Source {
  return { ...createMemorySource(path, content, { mtimeNs: OFFERED_AT }), ...(pin !== undefined && { pin }) };
}

const PINS = ['a', 'b', 'c'].map((digit) => digit.repeat(32));

async function openInbox(sync = true) {
  const dir = await tempDir();
  const limits = { maxSize: Infinity, maxFiles: Infinity, quota: undefined, keepPartsMs: Infinity };
  const inbox = await openFolderInbox({ dir, ...limits, sync, ledger: true });
  onTestFinished(() => inbox.close());
  async function send(sources: readonly Source[], bringer = bringerOf('1'), capabilities?: readonly string[]) {
    const [left, right] = connectionPair();
    const sink = inbox.session({ bringer, isKnown: false, onConflict: 'rename', isResumable: true }) as MemorySink;
    const receiver = runReceiver(right, sink, undefined, undefined, bringer);
    if (capabilities) return { receiver, channel: await greetAs('sender', left, undefined, capabilities) };
    const sender = runSender(left, sources);
    return { sender, sent: await sender.result, received: await receiver.result, receiver };
  }
  return { dir, send };
}

const order = (events: readonly TransferEvent[]) =>
  events.flatMap((event) => (event.type === 'stored' ? [`${event.path} ${event.already}`] : []));
const isBefore = (events: readonly TransferEvent[], path: string) =>
  events.findIndex((event) => event.type === 'stored' && event.path === path) <
  events.findIndex(({ type }) => type === 'checked');

it('both sides hear of them before the first offer, and they are offered no more', async () => {
  const { dir, send } = await openInbox();
  const sources = () => [
    withPin('d/a', Buffer.from('one'), PINS[0]),
    withPin('d/b', Buffer.from('two'), PINS[1]),
    withPin('d/c', Buffer.from('three'), PINS[2]),
    createMemoryDirectory('d'),
  ];
  await send(sources());
  await writeFile(join(dir, 'd/c'), 'touched');
  const { sender, sent, received, receiver } = await send([...sources(), withPin('d/new', Buffer.from('new'))]);
  expect(sent).toMatchObject({ stored: 5, failed: 0, refused: 0 });
  expect(received).toMatchObject({ stored: 5, failed: 0, refused: 0 });
  for (const events of [sender!.events, receiver.events]) {
    expect(order(events).slice(0, 2)).toEqual(['d/a true', 'd/b true']);
    expect(['d/a', 'd/b', 'd/c', 'd/new'].map((path) => isBefore(events, path))).toEqual([true, true, false, false]);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'stored', path: 'd/b', as: 'd/b', digest: DIGEST_OF_TWO, durable: true }),
    );
    expect(order(events)).toContain('d/c false');
  }
});

it.each<[string, (send: Awaited<ReturnType<typeof openInbox>>) => Promise<unknown>]>([
  ['the sender has touched them', async ({ send }) => send([withPin('a', Buffer.from('one'), PINS[1]), OTHER()])],
  ['nothing vouches for them', async ({ send }) => send([withPin('a', Buffer.from('one')), OTHER()])],
  ['they are gone', async ({ dir, send }) => (await rm(join(dir, 'a')), send([A(), OTHER()]))],
  ['another sender brings them', async ({ send }) => send([A(), OTHER()], bringerOf('2'))],
])('they are offered as ever where %s', async (_, again) => {
  const inbox = await openInbox();
  await inbox.send([A(), OTHER()]);
  const { sender, sent } = (await again(inbox)) as Awaited<ReturnType<typeof inbox.send>>;
  expect(sent).toMatchObject({ stored: 2 });
  expect(isBefore(sender!.events, 'a')).toBe(false);
});

const A = () => withPin('a', Buffer.from('one'), PINS[0]);
const OTHER = () => withPin('other', Buffer.from('other'));

it('a large file is offered all the same, so that the sender forgets what it keeps of it', async () => {
  const { send } = await openInbox();
  const sources = () => [withPin('film', Buffer.alloc(8 * MIB, 1), PINS[0]), A()];
  await send(sources());
  const { sender } = await send(sources());
  expect(order(sender!.events).sort()).toEqual(['a true', 'film true']);
  expect([isBefore(sender!.events, 'film'), isBefore(sender!.events, 'a')]).toEqual([false, true]);
});

it('what is not made durable is not said to be', async () => {
  const { send } = await openInbox(false);
  await send([A(), OTHER()]);
  const { sender } = await send([A(), OTHER()]);
  expect(sender!.events).toContainEqual(
    expect.objectContaining({ type: 'stored', path: 'a', already: true, durable: false }),
  );
});

it('a sender that does not know of packs hears nothing of it', async () => {
  const { send } = await openInbox();
  await send([A(), OTHER()]);
  const { channel } = await send([], bringerOf('1'), [CHECK_CAPABILITY]);
  onTestFinished(() => channel!.destroy(lost()));
  const pins = [PINS[0], undefined];
  await channel!.send({ type: 'check', id: 0, entries: [A().entry, OTHER().entry], pins, last: true, dryRun: false });
  expect(await channel!.receive()).toMatchObject({ type: 'checked', verdicts: [] });
});

it('a receiver that does not know of packs hears no pins in a list', async () => {
  for (const [capabilities, pins] of [
    [[CHECK_CAPABILITY], undefined],
    [
      [CHECK_CAPABILITY, PACKS_CAPABILITY],
      [PINS[0], undefined],
    ],
  ] as const) {
    const [left, right] = connectionPair();
    const sender = runSender(left, [A(), OTHER()]);
    const receiver = await greetAs('receiver', right, undefined, capabilities);
    const list = await receiver.receive();
    expect(list?.type === 'check' && list.pins).toEqual(pins);
    receiver.destroy(lost());
    await sender.result;
  }
});

it.each([
  ['a folder', createMemoryDirectory('a')],
  ['a stream', createMemorySource('a', Buffer.from('x'), { size: null })],
])('a receiver that says so of %s breaks the protocol', async (_, source) => {
  const [left, right] = connectionPair();
  const sender = runSender(left, [source, OTHER()]);
  const receiver = await greetAs('receiver', right, undefined, [CHECK_CAPABILITY, PACKS_CAPABILITY]);
  await receiver.receive();
  const verdict: Verdict = { index: 0, fate: 'already', offset: 0, digest: '0123456789abcdef' };
  await receiver.send({ type: 'checked', id: 0, verdicts: [verdict], end: true, room: { needed: 0, free: null } });
  expect(await sender.result).toMatchObject({ code: 'protocol' });
  expect(order(sender.events)).toEqual([]);
  receiver.destroy(lost());
});
