import { createSha256 } from '../../../src/client/sha256.js';
import { expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { SourceJournal } from '../../../src/core/source.js';
import type { Channel } from '../../../src/protocol/channel.js';
import { createCondition } from '../../../src/session/send/condition.js';
import { ContentSender } from '../../../src/session/send/content-sender.js';
import type { Movement } from '../../../src/session/send/movement.js';
import type { OutgoingEntries } from '../../../src/session/send/outgoing-entries.js';
import { SendQueue } from '../../../src/session/send/send-queue.js';
import { createSenderWatch } from '../../../src/session/shares.js';
import { createMemorySource } from '../../support/memory-source.js';

/** Sends a file of three blocks; resolves with the calls of its journal and the frames that were sent. */
async function sendFile(isWanted: () => boolean, sendBlock: () => Promise<void>, have: readonly bigint[] = []) {
  const calls: string[] = [];
  const journal: SourceJournal = {
    load: () => Promise.resolve((calls.push('load'), [])),
    note: (block) => void calls.push(`note ${block}`),
    save: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  };
  const source = { ...createMemorySource('film', new Uint8Array(3 * BLOCK_BYTES)), journal };
  const send = ({ type }: { type: string }) => Promise.resolve(void calls.push(type));
  const channel = { sendBlock, send } as unknown as Channel;
  const queue = new SendQueue();
  queue.addReady({ entry: { id: 1, source, started: 0, awaited: undefined }, offset: 0, have });
  const entries = {
    get finished() {
      return !queue.hasReady;
    },
    isWanted,
    noteEnd: () => undefined,
  } as unknown as OutgoingEntries;
  const movement = { noteProgress: () => undefined } as unknown as Movement;
  await new ContentSender({
    channel,
    entries,
    movement,
    queue,
    changed: createCondition(),
    watch: createSenderWatch(),
    createSha256,
    sendsZeros: false,
  }).run();
  return calls;
}

it('notes no block once nobody wants the file any more: its journal is closed by then', async () => {
  let isWanted = true;
  const lose = async () => {
    await new Promise(setImmediate);
    isWanted = false;
  };
  expect(await sendFile(() => isWanted, lose)).toEqual(['note 0']);
});

it('does not open the journal of a file that nobody wants any more', async () => {
  const take = () => Promise.resolve();
  expect(await sendFile(() => false, take, [1n])).toEqual([]);
});
