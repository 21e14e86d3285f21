/** Sparse files in the inbox: room is judged by what their sender says is allocated, and no lie gets more than that. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { PartFile } from '../../../src/core/sink.js';
import { digestZeros } from '../../../src/core/zeros.js';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import { createGrowth } from '../../../src/storage/inbox/growth.js';
import { createQuota } from '../../../src/storage/inbox/quota.js';
import { expectPart, offerFile, refusal } from '../../contract/sink.contract.js';
import { createFakeSpace, GROUND, KEPT } from '../../support/fake-disk.js';
import { makeContent, readNames, tempDir } from '../../support/folders.js';

const MIB = BLOCK_BYTES;
const PAGE = 4096;
const SIZE = 40 * MIB;
const full = refusal('no-space');
const block = makeContent(MIB, 3);
/** A block that is zeros but for its first page. */
const island = Buffer.concat([block.subarray(0, PAGE)], MIB);

type Limit = Pick<FileSinkOptions, 'space' | 'quota'>;

/** A disk with so much free beside what it keeps, and what counts down when something is written. */
function openDisk(free: number) {
  let left = free;
  const space = createFakeSpace(() => ({ freeBytes: KEPT + left }));
  return { space, use: (bytes: number) => void (left -= bytes) };
}

/** The limits of a folder that has room for so many bytes. `use` tells that bytes were written. */
const LIMITS: [string, (dir: string, bytes: number) => Promise<{ limit: Limit; use: (bytes: number) => void }>][] = [
  ['the quota', async (dir, bytes) => ({ limit: { quota: await createQuota(dir, bytes) }, use: () => undefined })],
  [
    'the disk',
    (_, bytes) => {
      const { space, use } = openDisk(bytes);
      return Promise.resolve({ limit: { space }, use });
    },
  ],
];

function openFile(dir: string, limit: Limit, allocated: number | undefined, isKnown = true) {
  const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'p', isKnown, ...limit });
  return sink.open(offerFile('image', SIZE, { allocated }));
}

/** Writes full blocks until one fails. Resolves with how many were taken. */
async function fill(part: PartFile, use: (bytes: number) => void): Promise<number> {
  for (let number = 0; number < SIZE / MIB; number += 1) {
    try {
      await part.write(block, number * MIB);
    } catch (error) {
      expect(error).toEqual(full);
      return number;
    }
    use(MIB);
  }
  return SIZE / MIB;
}

describe.each(LIMITS)('a sparse file, by %s', (_, makeLimit) => {
  it('that says too little is stopped by its content, wherever it goes beyond what was promised', async () => {
    for (const allocated of [0, PAGE, MIB - 1, MIB, 3 * MIB + 1, 10 * MIB]) {
      const dir = await tempDir();
      const { limit, use } = await makeLimit(dir, 10 * MIB);
      const part = expectPart(await openFile(dir, limit, allocated));
      expect(await fill(part, use)).toBe(10);
      await part.discard();
      expect(await readNames(dir)).toEqual([]);
    }
  });

  it('that says more than there is room for is refused before its first byte', async () => {
    const dir = await tempDir();
    const { limit } = await makeLimit(dir, 10 * MIB);
    await expect(openFile(dir, limit, 10 * MIB + 1)).rejects.toThrow(full);
    await expect(openFile(dir, limit, undefined)).rejects.toThrow(full);
    expect(await readNames(dir)).toEqual([]);
  });

  it('of a stranger counts by its size, because zeros cost a stranger nothing', async () => {
    const dir = await tempDir();
    const { limit } = await makeLimit(dir, 10 * MIB);
    await expect(openFile(dir, limit, 0, false)).rejects.toThrow(full);
  });

  it('with more islands than there is room for blocks is stored', async () => {
    const dir = await tempDir();
    const { limit, use } = await makeLimit(dir, 10 * MIB);
    const part = expectPart(await openFile(dir, limit, (SIZE / MIB) * PAGE));
    for (let at = 0; at < SIZE; at += MIB) {
      await part.write(island, at);
      use(PAGE);
    }
    await part.commit(SIZE);
    expect((await lstat(join(dir, 'image'))).size).toBe(SIZE);
  });
});

it('two that promise little share what there is', async () => {
  const { space, use } = openDisk(10 * MIB);
  const disks = [space.join().at(GROUND), space.join().at(GROUND)];
  const [honest, liar] = [await disks[0]!.reserve('honest', 6 * MIB), await disks[1]!.reserve('liar', MIB)];
  const write = async (reservation: typeof honest) => {
    try {
      await reservation.take(MIB);
      use(MIB);
    } finally {
      reservation.settle(MIB);
    }
  };
  await write(honest);
  for (let number = 0; number < 4; number += 1) await write(liar);
  // The honest one has claimed what is left.
  await expect(write(liar)).rejects.toThrow(full);
  for (let number = 1; number < 6; number += 1) await write(honest);
});

it('what was left out counts against the quota when a later session fills it', async () => {
  const dir = await tempDir();
  const quota = await createQuota(dir, 10 * MIB);
  const part = expectPart(await openFile(dir, { quota }, 0));
  await part.writeZeros(SIZE, 0);
  for (let at = 0; at < SIZE; at += MIB) part.confirm(at, digestZeros(MIB));
  expect(await part.suspend()).toBe(SIZE);
  const again = expectPart(await openFile(dir, { quota }, 0));
  expect(again.durable).toHaveLength(SIZE / MIB);
  // The journal takes some of the room too.
  const taken = await fill(again, () => undefined);
  expect([9, 10]).toContain(taken);
  await again.discard();
  expect(await readNames(dir)).toEqual([]);
});

describe('the growth of a file', () => {
  const cost = (bytes: number) => Math.max(1, Math.ceil(bytes / 10)) * 10;
  it.each<[string, end: number, hollow: number, adds: [to: number, length: number, zeros: number, more: number][]]>([
    [
      'counts whole blocks of the disk',
      0,
      0,
      [
        [7, 7, 0, 10],
        [13, 6, 0, 10],
        [20, 7, 0, 0],
      ],
    ],
    ['counts one block for an empty file', 0, 0, [[0, 0, 0, 10]]],
    [
      'counts nothing that was there',
      30,
      0,
      [
        [10, 10, 0, 0],
        [40, 10, 0, 10],
      ],
    ],
    [
      'leaves out zeros',
      0,
      0,
      [
        [100, 100, 80, 20],
        [200, 100, 100, 0],
      ],
    ],
    [
      'counts what fills zeros that were left out',
      0,
      0,
      [
        [100, 100, 80, 20],
        [50, 50, 0, 50],
        [100, 50, 0, 30],
        [100, 50, 0, 0],
      ],
    ],
    [
      'counts what fills zeros of an earlier session',
      100,
      60,
      [
        [50, 50, 0, 50],
        [100, 50, 10, 10],
        [100, 50, 0, 0],
      ],
    ],
  ])('%s', (_, end, hollow, adds) => {
    const growth = createGrowth(cost, end, hollow);
    let taken = growth.taken;
    expect(taken).toBe(end - hollow);
    for (const [to, length, zeros, more] of adds) {
      expect(growth.add(to, length, zeros)).toBe(more);
      expect(growth.taken).toBe((taken += more));
    }
  });
});
