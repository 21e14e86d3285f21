import { lstat, mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { PartFile, Sink } from '../../../src/core/sink.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { createQuota, type Quota } from '../../../src/storage/inbox/quota.js';
import {
  expectPart,
  offerDirectory,
  offerFile,
  offerLink,
  receiveFile,
  refusal,
} from '../../contract/sink.contract.js';
import { readNames, tempDir } from '../../support/folders.js';

const RECOUNT_MS = 5_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const sinkOf = (dir: string, quota: Quota) =>
  createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'p', isKnown: true, quota });
const bytesOf = (size: number) => Buffer.alloc(size, 'x');

/** A folder in which nothing is unfinished. */
const whole = (bytes: number) => ({ bytes, unfinished: 0 });
/** What the least takes. */
const UNIT = 4096;

/** A folder that takes 9 blocks: 3 for a file, 2 for one in a folder, one each for the folder, a link, a part and a journal. */
async function makeFolder(): Promise<string> {
  const dir = await tempDir();
  await mkdir(join(dir, 'd'));
  await writeFile(join(dir, 'a'), bytesOf(2 * UNIT + 1));
  await writeFile(join(dir, 'd', 'b'), bytesOf(2 * UNIT));
  await writeFile(join(dir, '.ftx-0.part'), bytesOf(20));
  await writeFile(join(dir, '.ftx-0.journal'), bytesOf(10));
  await symlink('a', join(dir, 'd', 'link'));
  return dir;
}

describe('a quota', () => {
  it('counts what is there at the start as the disk does, and takes no block more', async () => {
    const dir = await makeFolder();
    const quota = await createQuota(dir, 11 * UNIT + 100);
    expect(await quota.left(0)).toBe(2 * UNIT + 100);
    const sink = sinkOf(dir, quota);
    expect(await receiveFile(sink, 'c', bytesOf(UNIT + 1))).toBe('c');
    const sentence =
      "e: 4 KiB is more than the 100 B left of the 44.1 KiB that the receiver's folder may hold. Take something out of it, or raise --quota there.";
    for (const size of [0, 1]) await expect(sink.open(offerFile('e', size))).rejects.toThrow(sentence);
    await expect(sink.place(offerDirectory('e'))).rejects.toThrow(sentence);
    await expect(sink.open(offerFile('e', null))).rejects.toThrow(sentence.replace('4 KiB is more', 'is larger'));
  });

  it.each<[string, (sink: Sink, name: string) => Promise<unknown>]>([
    ['empty files', (sink, name) => receiveFile(sink, name, bytesOf(0))],
    ['files of one byte', (sink, name) => receiveFile(sink, name, bytesOf(1))],
    ['empty streams', async (sink, name) => expectPart(await sink.open(offerFile(name, null))).commit(0)],
    ['folders', (sink, name) => sink.place(offerDirectory(name))],
    ['links', (sink, name) => sink.place(offerLink(`d/${name}`, 'x'))],
    ['files in folders of their own', (sink, name) => receiveFile(sink, `${name}/deep/x`, bytesOf(0))],
  ])('bounds %s, however many come, and holds the same after a count', async (_, bring) => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 20 * UNIT);
    const sink = sinkOf(dir, quota);
    let failure: unknown;
    for (let n = 0; n < 25 && failure === undefined; n++)
      await bring(sink, `e${n}`).catch((error: unknown) => (failure = error));
    expect(failure).toEqual(refusal('no-space'));
    expect((await readNames(dir)).length).toBeLessThanOrEqual(20);
    expect((await readNames(dir)).length).toBeGreaterThan(15);
    expect(await (await createQuota(dir, 20 * UNIT)).left(0)).toBe(await quota.left(0));
  });

  it('gets back what folders took on the way to a file that did not come', async () => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 10 * UNIT);
    const part = expectPart(await sinkOf(dir, quota).open(offerFile('a/b/x', 5)));
    await part.write(bytesOf(5), 0);
    expect(await quota.left(0)).toBe(7 * UNIT);
    await part.discard();
    expect(await quota.left(0)).toBe(10 * UNIT);
    await expect(sinkOf(dir, quota).open(offerFile('a/b/x', 9 * UNIT))).rejects.toThrow(refusal('no-space'));
    expect(await quota.left(0)).toBe(10 * UNIT);
  });

  it('counts a file of which the disk tells no blocks by its size', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'hole'), '');
    await truncate(join(dir, 'hole'), 5 * UNIT);
    expect(await (await createQuota(dir, 10 * UNIT)).left(0)).toBe(5 * UNIT);
  });

  it('holds for streams, whose size nobody knows, with every block', async () => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 2 * BLOCK_BYTES);
    const part = expectPart(await sinkOf(dir, quota).open(offerFile('s', null)));
    await part.write(bytesOf(BLOCK_BYTES), 0);
    await part.write(bytesOf(BLOCK_BYTES), BLOCK_BYTES);
    await expect(part.write(bytesOf(1), 2 * BLOCK_BYTES)).rejects.toThrow(
      "s: is larger than the 2 MiB left of the 2 MiB that the receiver's folder may hold. Take something out of it, or raise --quota there.",
    );
    await part.discard();
    expect(await quota.left(0)).toBe(2 * BLOCK_BYTES);
    expect(await readNames(dir)).toEqual([]);
  });

  it('is one for all sessions, also for those who write at the same time', async () => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 5 * BLOCK_BYTES);
    const parts: PartFile[] = [];
    for (const name of ['a', 'b']) parts.push(expectPart(await sinkOf(dir, quota).open(offerFile(name, null))));
    const writes = parts.flatMap((part) =>
      [0, 1, 2, 3].map((number) => part.write(bytesOf(BLOCK_BYTES), number * BLOCK_BYTES)),
    );
    const written = (await Promise.allSettled(writes)).filter(({ status }) => status === 'fulfilled');
    expect(written.length).toBe(5);
    for (const part of parts) await part.discard();
    // The count in the middle may have counted twice what was just being written.
    vi.advanceTimersByTime(RECOUNT_MS);
    expect(await quota.left(5 * BLOCK_BYTES)).toBe(5 * BLOCK_BYTES);
  });

  it('takes nothing for a link that another session makes at the same time', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, 'd'));
    const quota = await createQuota(dir, BLOCK_BYTES);
    const release = vi.spyOn(quota, 'release');
    const add = quota.add.bind(quota);
    vi.spyOn(quota, 'add').mockImplementation(async (...args) => {
      await symlink('one', join(dir, 'd', 'l'));
      return add(...args);
    });
    expect(await sinkOf(dir, quota).place(offerLink('d/l', 'one'))).toEqual({ as: 'd/l', already: true });
    expect(release.mock.calls).toEqual([[4096]]);
  });

  it('counts a block that comes twice once, and what is kept of a broken transfer as long as it is there', async () => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 100 * BLOCK_BYTES);
    const offer = offerFile('large', 9 * BLOCK_BYTES);
    const part = expectPart(await sinkOf(dir, quota).open(offer));
    for (let time = 0; time < 2; time++) await part.write(bytesOf(BLOCK_BYTES), 0);
    part.confirm(0, 1n);
    await part.suspend();
    expect(await quota.left(0)).toBe(99 * BLOCK_BYTES);
    const again = expectPart(await sinkOf(dir, quota).open(offer));
    expect(again.durable.length).toBe(1);
    await again.write(bytesOf(BLOCK_BYTES), BLOCK_BYTES);
    expect(await quota.left(0)).toBe(98 * BLOCK_BYTES);
    await again.discard();
    expect(await quota.left(0)).toBe(100 * BLOCK_BYTES);
  });

  it('that unfinished transfers use up says so, and the way out, before a count and after it', async () => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 12 * BLOCK_BYTES);
    const offer = (name: string) => sinkOf(dir, quota).open(offerFile(name, 9 * BLOCK_BYTES));
    const part = expectPart(await offer('film'));
    for (let block = 0; block < 4; block++) {
      await part.write(bytesOf(BLOCK_BYTES), block * BLOCK_BYTES);
      part.confirm(block * BLOCK_BYTES, 1n);
    }
    await part.suspend();
    const sentence =
      /film2: 9 MiB is more than the 8 MiB left of the 12 MiB that the receiver's folder may hold; 4 MiB of it are unfinished transfers, which "ftx parts" lists there and drops\. Take/;
    await expect(offer('film2')).rejects.toThrow(sentence);
    await expect(offer('film2')).rejects.toThrow(sentence);
    const again = expectPart(await offer('film'));
    await again.discard();
    expect(quota.unfinished()).toBeLessThan(BLOCK_BYTES);
    const stored = await receiveFile(sinkOf(dir, quota), 'x', bytesOf(4 * BLOCK_BYTES));
    await expect(offer(stored)).rejects.toThrow(/may hold\. Take/);
  });

  it('names no block of a file that had room when it was offered', async () => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 12 * BLOCK_BYTES);
    const part = expectPart(await sinkOf(dir, quota).open(offerFile('film', 9 * BLOCK_BYTES)));
    await part.write(bytesOf(BLOCK_BYTES), 0);
    await receiveFile(sinkOf(dir, quota), 'other', bytesOf(10.5 * BLOCK_BYTES));
    await expect(part.write(bytesOf(BLOCK_BYTES), BLOCK_BYTES)).rejects.toThrow(
      /^film: is larger than the 1\.[\d.]+ MiB left of the 12 MiB/,
    );
    await part.discard();
  });

  it('does not call the very file unfinished that does not fit', async () => {
    const dir = await tempDir();
    const part = expectPart(await sinkOf(dir, await createQuota(dir, BLOCK_BYTES)).open(offerFile('s', null)));
    await part.write(bytesOf(BLOCK_BYTES), 0);
    await expect(part.write(bytesOf(1), BLOCK_BYTES)).rejects.toThrow(/may hold\. Take/);
    await part.discard();
  });

  it('that the folder is over already takes what adds nothing, and no byte else', async () => {
    const dir = await makeFolder();
    const quota = await createQuota(dir, 50);
    expect(await quota.left(0)).toBe(0);
    await quota.add('x', 0, () => Promise.resolve());
    await expect(quota.add('x', 1, () => Promise.resolve())).rejects.toThrow(refusal('no-space'));
  });

  it('gives back no more than was there of a broken transfer that ends within a block', async () => {
    const dir = await tempDir();
    const size = 8 * BLOCK_BYTES + 1;
    const quota = await createQuota(dir, 10 * BLOCK_BYTES);
    const offer = offerFile('large', size);
    const part = expectPart(await sinkOf(dir, quota).open(offer));
    for (let at = 0; at < size; at += BLOCK_BYTES) {
      await part.write(bytesOf(Math.min(BLOCK_BYTES, size - at)), at);
      part.confirm(at, 1n);
    }
    await part.suspend();
    const again = expectPart(await sinkOf(dir, quota).open(offer));
    expect(again.durable.length).toBe(9);
    await again.discard();
    expect(await quota.left(0)).toBe(10 * BLOCK_BYTES);
  });

  it('does not count twice what goes while it is counted', async () => {
    const counts: ((bytes: number) => void)[] = [];
    const made = createQuota('', 100, () => new Promise((resolve) => counts.push((bytes) => resolve(whole(bytes)))));
    counts.pop()?.(90);
    const quota = await made;
    const counting = quota.left(20);
    // It is gone already when the count gets there.
    quota.release(50);
    counts.pop()?.(40);
    expect(await counting).toBe(60);
  });

  it('is not hidden from by folders that their sender wants closed, and does not fail at those it cannot look into', async () => {
    const dir = await tempDir();
    const sink = sinkOf(dir, await createQuota(dir, 5 * UNIT));
    await receiveFile(sink, 'd/x', bytesOf(2 * UNIT));
    await sink.place(offerDirectory('d', { mode: 0 }));
    expect((await lstat(join(dir, 'd'))).mode & 0o777).toBe(0o500);
    expect(await (await createQuota(dir, 5 * UNIT)).left(0)).toBe(2 * UNIT);
  });

  it('gives back what a commit did not store', async () => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 10 * UNIT);
    const part = expectPart(await sinkOf(dir, quota).open(offerFile('x', 9)));
    await part.write(bytesOf(4), 0);
    await expect(part.commit(9)).rejects.toThrow(refusal('io'));
    await part.discard();
    expect(await quota.left(0)).toBe(10 * UNIT);
  });

  it('counts again before it refuses, but not at every refusal', async () => {
    const dir = await makeFolder();
    const quota = await createQuota(dir, 9 * UNIT);
    const sink = sinkOf(dir, quota);
    await rm(join(dir, 'a'));
    expect(await receiveFile(sink, 'c', bytesOf(3 * UNIT))).toBe('c');
    await rm(join(dir, 'c'));
    await expect(sink.open(offerFile('e', 1))).rejects.toThrow(refusal('no-space'));
    vi.advanceTimersByTime(RECOUNT_MS);
    expect(await receiveFile(sink, 'e', bytesOf(3 * UNIT))).toBe('e');
  });

  it('is what it is whatever is written and taken away, counted anew or not', async () => {
    const step = fc.record({ bytes: fc.nat(60), isGone: fc.boolean(), isLater: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.nat(120), fc.array(step, { maxLength: 40 }), async (start, steps) => {
        let onDisk = start;
        const quota = await createQuota('', 100, () => Promise.resolve(whole(onDisk)));
        for (const { bytes, isGone, isLater } of steps) {
          if (isLater) vi.advanceTimersByTime(RECOUNT_MS);
          if (isGone) {
            const gone = Math.min(bytes, onDisk - Math.min(start, onDisk));
            quota.release(gone);
            onDisk -= gone;
          } else {
            const write = () => void (onDisk += bytes);
            const fits = bytes <= Math.max(0, 100 - onDisk);
            const isWritten = await quota
              .add('x', bytes, () => Promise.resolve(write()))
              .then(
                () => true,
                () => false,
              );
            expect(isWritten).toBe(fits);
          }
          expect(await quota.left(0)).toBe(Math.max(0, 100 - onDisk));
        }
      }),
    );
  });

  it('that counts in the middle of many writes loses none of them', async () => {
    let onDisk = 0;
    const quota = await createQuota(
      '',
      100,
      () => new Promise((resolve) => setImmediate(() => resolve(whole(onDisk)))),
    );
    const add = () =>
      quota.add('x', 7, () => new Promise((resolve) => setImmediate(() => resolve(void (onDisk += 7)))));
    for (let round = 0; round < 3; round++) {
      await Promise.allSettled(Array.from({ length: 40 }, add));
      vi.advanceTimersByTime(RECOUNT_MS);
    }
    expect(onDisk).toBe(98);
  });
});

it('lets other work have its turn while a large folder is counted', async () => {
  const dir = await tempDir();
  for (let n = 0; n < 40; n++) await writeFile(join(dir, `${n}`), bytesOf(10));
  // Each look at the clock finds more time gone than a turn has.
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 20));
  let turns = 0;
  let isCounting = true;
  const takeTurn = (): void => {
    turns += 1;
    if (isCounting) setImmediate(takeTurn);
  };
  setImmediate(takeTurn);
  const quota = await createQuota(dir, 100 * UNIT);
  isCounting = false;
  vi.restoreAllMocks();
  expect(await quota.left(0)).toBe(60 * UNIT);
  expect(turns).toBeGreaterThanOrEqual(40);
});
