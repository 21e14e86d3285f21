import { expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { SourceJournal } from '../../../src/core/source.js';
import type { Channel } from '../../../src/protocol/channel.js';
import { ContentSender } from '../../../src/session/send/content-sender.js';
import { createSenderWatch } from '../../../src/session/shares.js';
import { createMemorySource } from '../../support/memory-source.js';

function setUp(isWanted: () => boolean, sendBlock: () => Promise<void>) {
  const calls: string[] = [];
  const journal: SourceJournal = {
    load: () => Promise.resolve((calls.push('load'), [])),
    note: (block) => void calls.push(`note ${block}`),
    save: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  };
  const source = { ...createMemorySource('film', new Uint8Array(3 * BLOCK_BYTES)), journal };
  const channel = { sendBlock } as unknown as Channel;
  const contents = new ContentSender({
    channel,
    watch: createSenderWatch(),
    isWanted,
    afterBlock: () => Promise.resolve(),
  });
  return { calls, send: (have: readonly bigint[]) => contents.sendFile({ id: 1, source }, 0, have) };
}

it('notes no block once nobody wants the file any more: its journal is closed by then', async () => {
  let isWanted = true;
  const lose = async () => {
    await new Promise(setImmediate);
    isWanted = false;
  };
  const { calls, send } = setUp(() => isWanted, lose);
  expect(await send([])).toBeUndefined();
  expect(calls).toEqual(['note 0']);
});

it('does not open the journal of a file that nobody wants any more', async () => {
  const { calls, send } = setUp(
    () => false,
    () => Promise.resolve(),
  );
  expect(await send([1n])).toBeUndefined();
  expect(calls).toEqual([]);
});
