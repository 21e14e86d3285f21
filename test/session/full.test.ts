/** What a sender hears of a large file for which the receiver's disk has no room in the middle. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import { FtxError } from '../../src/core/errors.js';
import type { TransferEvent } from '../../src/core/events.js';
import type { Sink } from '../../src/core/sink.js';
import { createFileSink } from '../../src/storage/inbox/file-sink.js';
import { makeContent, readNames, tempDir } from '../support/folders.js';
import { connectionPair } from '../support/memory-connection.js';
import { createMemorySink } from '../support/memory-sink.js';
import { createMemorySource } from '../support/memory-source.js';
import { runReceiver, runSender } from '../support/session.js';

const BLOCKS = 12;
const ROOM = 5;
const content = makeContent(BLOCKS * BLOCK_BYTES, 5);

/** A sink with room for the first blocks of a file. The blocks after them fail late, when more have come. */
function withRoom(sink: Sink, blocks: number): Sink {
  return {
    ...sink,
    async open(...args) {
      const part = await sink.open(...args);
      if (part.state !== 'part') return part;
      const written: Promise<void>[] = [];
      return {
        ...part,
        async write(block, offset) {
          if (offset < blocks * BLOCK_BYTES) {
            written.push(part.write(block, offset));
            return written.at(-1);
          }
          await Promise.all(written);
          await turn();
          throw new FtxError('no-space', 'film: the disk is full.');
        },
      };
    },
  };
}

async function sendTo(dir: string, blocks: number): Promise<readonly TransferEvent[]> {
  const [left, right] = connectionPair();
  const sink = createFileSink({ dir, isKnown: true, onConflict: 'rename', maxSize: Infinity, peer: 'peer' });
  const receiver = runReceiver(right, { ...createMemorySink(), ...withRoom(sink, blocks) });
  const sender = runSender(left, [createMemorySource('film', content)]);
  await Promise.all([sender.result, receiver.result]);
  return sender.events;
}

it('the sender of a large file is told how much of it is kept, which is what it goes on from', async () => {
  const dir = await tempDir();
  expect(await sendTo(dir, ROOM)).toContainEqual({
    ...{ type: 'failed', session: 1, path: 'film', code: 'no-space' },
    message: 'film: the disk is full. 5 MiB of 12 MiB are kept; the same command goes on.',
  });
  const again = await sendTo(dir, BLOCKS);
  expect(again.find(({ type }) => type === 'resumed')).toMatchObject({ bytes: ROOM * BLOCK_BYTES });
  expect(await readNames(dir)).toEqual(['film']);
});

it('the sender of a large file is told that nothing is kept when its first block could not be written', async () => {
  const dir = await tempDir();
  const message = 'film: the disk is full. What had arrived was removed.';
  expect(await sendTo(dir, 0)).toContainEqual(expect.objectContaining({ type: 'failed', message }));
  expect(await readNames(dir)).toEqual([]);
});
