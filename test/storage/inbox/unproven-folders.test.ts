import { expect, it } from 'vitest';
import { createUnprovenFolders, type UnprovenFolders } from '../../../src/storage/inbox/unproven-folders.js';

const DEEP = 98;

/** Takes folders for one entry after the other, and tells how many need not wait. */
async function countAtOnce(session: UnprovenFolders, entries: number, folders: number) {
  const given: (() => void)[] = [];
  for (let n = 0; n < entries; n++) void session.take(folders).then((giveBack) => given.push(giveBack));
  await settle();
  return given;
}

async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

it('lets an ordinary tree go on: 200 folders with one file in each', async () => {
  const given = await countAtOnce(createUnprovenFolders().join(), 200, 1);
  expect(given).toHaveLength(200);
});

it('keeps offers with deep paths waiting until entries before them have come, or were given up', async () => {
  const session = createUnprovenFolders().join();
  const given = await countAtOnce(session, 256, DEEP);
  expect(given).toHaveLength(2);
  given[0]!();
  given[0]!();
  await settle();
  expect(given).toHaveLength(3);
  for (let next = 1; next < 256; next++) {
    given[next]!();
    await settle();
  }
  expect(given).toHaveLength(256);
});

it('lets each session have one entry of any depth, however many sessions there are', async () => {
  const inbox = createUnprovenFolders();
  const given = await Promise.all(Array.from({ length: 100 }, () => countAtOnce(inbox.join(), 256, DEEP)));
  expect(given.map((one) => one.length).filter((count) => count < 1)).toEqual([]);
  expect(given.flat().length).toBeLessThan(110);
});

it('wakes a session that waits for the room of another one', async () => {
  const inbox = createUnprovenFolders();
  const others = await Promise.all(Array.from({ length: 10 }, () => countAtOnce(inbox.join(), 2, DEEP)));
  const own = await countAtOnce(inbox.join(), 3, DEEP);
  expect(own).toHaveLength(1);
  for (const giveBack of others.flat()) giveBack();
  await settle();
  expect(own.length).toBeGreaterThan(1);
});

it('ends a wait with its session, and counts nothing for it', async () => {
  const session = createUnprovenFolders().join();
  const [first, second] = await countAtOnce(session, 2, DEEP);
  const stop = new AbortController();
  const waiting = session.take(DEEP, stop.signal);
  stop.abort(new Error('over'));
  await expect(waiting).rejects.toThrow('over');
  await expect(session.take(1, stop.signal)).rejects.toThrow('over');
  first!();
  second!();
  expect(await countAtOnce(session, 3, DEEP)).toHaveLength(2);
});
