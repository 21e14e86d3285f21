import { lstat, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { PartFile } from '../../../src/core/sink.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { createQuota, type Quota } from '../../../src/storage/inbox/quota.js';
import { expectPart, offerDirectory, offerFile, receiveFile, refusal } from '../../contract/sink.contract.js';
import { readNames, tempDir } from '../../support/folders.js';

const RECOUNT_MS = 5_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const sinkOf = (dir: string, quota: Quota) =>
  createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'p', isKnown: true, quota });
const bytesOf = (size: number) => Buffer.alloc(size, 'x');

/** A folder of 100 bytes: a file, one in a folder, a part and a journal. Links count for nothing. */
async function makeFolder(): Promise<string> {
  const dir = await tempDir();
  await mkdir(join(dir, 'd'));
  await writeFile(join(dir, 'a'), bytesOf(40));
  await writeFile(join(dir, 'd', 'b'), bytesOf(30));
  await writeFile(join(dir, '.ftx-0.part'), bytesOf(20));
  await writeFile(join(dir, '.ftx-0.journal'), bytesOf(10));
  await symlink('a', join(dir, 'd', 'link'));
  return dir;
}

describe('a quota', () => {
  it('counts what is there at the start, and takes no byte more', async () => {
    const dir = await makeFolder();
    const quota = await createQuota(dir, 150);
    expect(await quota.left(0)).toBe(50);
    const sink = sinkOf(dir, quota);
    expect(await receiveFile(sink, 'c', bytesOf(50))).toBe('c');
    await expect(sink.open(offerFile('e', 1))).rejects.toThrow(
      "e: 1 byte is more than the 0 bytes left of the 150 bytes that the receiver's folder may hold. Take something out of it, or raise --quota there.",
    );
    expect(await receiveFile(sink, 'empty', bytesOf(0))).toBe('empty');
  });

  it('holds for streams, whose size nobody knows, with every block', async () => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 2 * BLOCK_BYTES);
    const part = expectPart(await sinkOf(dir, quota).open(offerFile('s', null)));
    await part.write(bytesOf(BLOCK_BYTES), 0);
    await part.write(bytesOf(BLOCK_BYTES), BLOCK_BYTES);
    await expect(part.write(bytesOf(1), 2 * BLOCK_BYTES)).rejects.toThrow(refusal('no-space'));
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
    expect(await quota.left(0)).toBe(5 * BLOCK_BYTES);
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

  it('that the folder is over already takes what adds nothing, and no byte else', async () => {
    const dir = await makeFolder();
    const quota = await createQuota(dir, 50);
    expect(await quota.left(0)).toBe(0);
    expect(await receiveFile(sinkOf(dir, quota), 'empty', bytesOf(0))).toBe('empty');
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
    const made = createQuota('', 100, () => new Promise((resolve) => counts.push(resolve)));
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
    const sink = sinkOf(dir, await createQuota(dir, 100));
    await receiveFile(sink, 'd/x', bytesOf(60));
    await sink.place(offerDirectory('d', { mode: 0 }));
    expect((await lstat(join(dir, 'd'))).mode & 0o777).toBe(0o500);
    expect(await (await createQuota(dir, 100)).left(0)).toBe(40);
  });

  it('gives back what a commit did not store', async () => {
    const dir = await tempDir();
    const quota = await createQuota(dir, 100);
    const part = expectPart(await sinkOf(dir, quota).open(offerFile('x', 9)));
    await part.write(bytesOf(4), 0);
    await expect(part.commit(9)).rejects.toThrow(refusal('io'));
    await part.discard();
    expect(await quota.left(0)).toBe(100);
  });

  it('counts again before it refuses, but not at every refusal', async () => {
    const dir = await makeFolder();
    const quota = await createQuota(dir, 100);
    const sink = sinkOf(dir, quota);
    await rm(join(dir, 'a'));
    expect(await receiveFile(sink, 'c', bytesOf(40))).toBe('c');
    await rm(join(dir, 'c'));
    await expect(sink.open(offerFile('e', 1))).rejects.toThrow(refusal('no-space'));
    vi.advanceTimersByTime(RECOUNT_MS);
    expect(await receiveFile(sink, 'e', bytesOf(40))).toBe('e');
  });

  it('is what it is whatever is written and taken away, counted anew or not', async () => {
    const step = fc.record({ bytes: fc.nat(60), isGone: fc.boolean(), isLater: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.nat(120), fc.array(step, { maxLength: 40 }), async (start, steps) => {
        let onDisk = start;
        const quota = await createQuota('', 100, () => Promise.resolve(onDisk));
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
    const quota = await createQuota('', 100, () => new Promise((resolve) => setImmediate(() => resolve(onDisk))));
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
  const quota = await createQuota(dir, 1000);
  isCounting = false;
  vi.restoreAllMocks();
  expect(await quota.left(0)).toBe(600);
  expect(turns).toBeGreaterThanOrEqual(40);
});
