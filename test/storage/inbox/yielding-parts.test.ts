/** Parts that were kept because the room had ended give way to what arrives. */
import { lstatSync } from 'node:fs';
import { lutimes, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { PartFile, Sink } from '../../../src/core/sink.js';
import { DiskFile } from '../../../src/storage/disk/disk-file.js';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import { listParts } from '../../../src/storage/inbox/left-parts.js';
import { createQuota, type Quota } from '../../../src/storage/inbox/quota.js';
import { createSpace } from '../../../src/storage/inbox/space.js';
import { createYieldingParts } from '../../../src/storage/inbox/yielding-parts.js';
import { expectPart, offerDirectory, offerFile, receiveFile, refusal } from '../../contract/sink.contract.js';
import { figuresOf, KEPT } from '../../support/fake-disk.js';
import { makeContent, readNames, tempDir } from '../../support/folders.js';

const MIB = BLOCK_BYTES;
/** What each kept part has, and the size of each file that is offered. */
const HALF = 10 * MIB;
const SIZE = 2 * HALF;
const full = refusal('no-space');

afterEach(() => void vi.restoreAllMocks());

interface Room {
  readonly dir: string;
  /** The sink of a receiver that has just been started on the folder. */
  readonly start: (options?: Partial<FileSinkOptions>) => Promise<Sink>;
}

/** A block that goes through DiskFile.write, because its memory is not aligned for direct writes. */
function makeBlock(seed: number): Buffer {
  return makeContent(MIB + 1, seed).subarray(1);
}

/** Writes half of the file, with digests that nobody verifies. */
async function writeHalf(part: PartFile): Promise<void> {
  for (let offset = 0; offset < HALF; offset += MIB) {
    await part.write(makeBlock(offset + 1), offset);
    part.confirm(offset, BigInt(offset));
  }
}

/** Leaves half of a file of a known sender behind, because there is no room for the rest. */
async function keepFull(sink: Sink, path: string): Promise<void> {
  const part = expectPart(await sink.open(offerFile(path, SIZE)));
  await writeHalf(part);
  vi.spyOn(DiskFile.prototype, 'write').mockRejectedValueOnce(Object.assign(new Error('full'), { code: 'ENOSPC' }));
  await expect(part.write(makeBlock(1), HALF)).rejects.toThrow(full);
  expect(await part.suspend()).toBe(HALF);
}

async function breakOff(sink: Sink, path: string): Promise<void> {
  const part = expectPart(await sink.open(offerFile(path, SIZE)));
  await writeHalf(part);
  expect(await part.suspend()).toBe(HALF);
}

async function list(dir: string): Promise<string[]> {
  const paths = [];
  for await (const { path } of listParts(dir)) paths.push(path);
  return paths.sort();
}

/** Sets when the parts were kept: the first of `paths` is the oldest. */
async function setAges(dir: string, paths: readonly string[]): Promise<void> {
  for await (const { id, path } of listParts(dir))
    await lutimes(join(dir, `.ftx-${id}.journal`), 1, 1000 + paths.indexOf(path));
}

const sinkOf = (dir: string, options: Partial<FileSinkOptions>) =>
  createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'p', isKnown: true, ...options });

/** As keepFull(), by an earlier receiver on the folder. */
const leaveFull = (dir: string, path: string) => keepFull(sinkOf(dir, { space: createSpace() }), path);

/** Bytes that the files of a folder take. */
async function measure(dir: string): Promise<number> {
  const names = await readdir(dir);
  const sizes = await Promise.all(names.map((name) => stat(join(dir, name)).catch(() => undefined)));
  return sizes.reduce((sum, stats) => sum + 512 * (stats?.blocks ?? 0), 0);
}

/** A folder with as much room, in all, as its name tells, by the disk or by the quota. */
const ROOMS: [string, (dir: string, bytes: number) => Promise<Partial<FileSinkOptions>>][] = [
  [
    'the disk',
    (dir, bytes) => {
      const parts = createYieldingParts(dir);
      const read = async () => figuresOf({ freeBytes: KEPT + bytes - (await measure(dir)) });
      return Promise.resolve({ parts, space: createSpace(read, parts) });
    },
  ],
  [
    'the quota',
    async (dir, bytes) => {
      const parts = createYieldingParts(dir);
      return { parts, quota: await createQuota(dir, bytes, undefined, parts), space: createSpace(undefined, parts) };
    },
  ],
];

/** A folder with room for `bytes`, journals left out. */
async function openRoom(limit: (typeof ROOMS)[number][1], bytes: number): Promise<Room> {
  const dir = await tempDir();
  return { dir, start: async (options = {}) => sinkOf(dir, { ...(await limit(dir, bytes + MIB)), ...options }) };
}

describe.each(ROOMS)('what was kept because there was no room on %s', (_, limit) => {
  it('gives way to the file of another sender, the oldest first, and no more than needed, also after a restart', async () => {
    const { dir, start } = await openRoom(limit, 4 * HALF);
    for (const path of ['b', 'a', 'c']) await leaveFull(dir, path);
    await setAges(dir, ['c', 'b', 'a']);
    const second = await start({ peer: 'q', isKnown: false });
    expect(await receiveFile(second, 'new', makeContent(SIZE, 3))).toBe('new');
    expect(await list(dir)).toEqual(['a', 'b']);
  });

  it('gives way in the session in which it was kept, too', async () => {
    const { dir, start } = await openRoom(limit, 2 * HALF);
    const sink = await start();
    await keepFull(sink, 'film');
    expect(await receiveFile(sink, 'new', makeContent(SIZE, 3))).toBe('new');
    expect(await readNames(dir)).toEqual(['new']);
  });

  it('stays for an offer alone, and for one that would not fit even so', async () => {
    const { dir, start } = await openRoom(limit, 2 * HALF);
    await leaveFull(dir, 'film');
    const sink = await start({ peer: 'q', isKnown: false });
    await expect(sink.open(offerFile('large', 3 * HALF))).rejects.toThrow(full);
    await expectPart(await sink.open(offerFile('promised', SIZE))).discard();
    expect(await list(dir)).toEqual(['film']);
  });

  it('stays while a session has it, and no longer gives way once the session goes on', async () => {
    const { dir, start } = await openRoom(limit, 2 * HALF);
    await leaveFull(dir, 'film');
    const owner = await start();
    const part = expectPart(await owner.open(offerFile('film', SIZE)));
    expect(part.durable).toHaveLength(HALF / MIB);
    const other = await start({ peer: 'q', isKnown: false });
    await expect(other.open(offerFile('new', SIZE))).rejects.toThrow(full);
    await part.write(makeBlock(1), HALF);
    part.confirm(HALF, 1n);
    expect(await part.suspend()).toBe(HALF + MIB);
    await expect((await start({ peer: 'q' })).open(offerFile('new', SIZE))).rejects.toThrow(full);
    expect(await list(dir)).toEqual(['film']);
  });

  it('gives way still after its sender has come back and found no room', async () => {
    const { dir, start } = await openRoom(limit, 2 * HALF);
    await leaveFull(dir, 'film');
    expect(await receiveFile(await start({ peer: 'q' }), 'x', makeContent(HALF - MIB, 3))).toBe('x');
    await expect((await start()).open(offerFile('film', SIZE))).rejects.toThrow(full);
    expect(await list(dir)).toEqual(['film']);
    expect(await receiveFile(await start({ peer: 'q' }), 'y', makeContent(HALF, 4))).toBe('y');
    expect(await readNames(dir)).toEqual(['x', 'y']);
  });

  it('counts as free in a list, but for the part that the list itself goes on with', async () => {
    const { dir, start } = await openRoom(limit, 3 * HALF);
    await leaveFull(dir, 'film');
    const ask = async (sink: Sink, path: string, size: number, other?: string) => {
      const plan = sink.plan(true);
      await plan.add(offerFile(path, size));
      if (other !== undefined) await plan.add(offerFile(other, SIZE));
      return plan.total();
    };
    expect(await ask(await start({ peer: 'q' }), 'new', 3 * HALF)).toMatchObject({ needed: 3 * HALF });
    expect(await ask(await start(), 'film', SIZE)).toMatchObject({ needed: SIZE - HALF });
    await expect(ask(await start(), 'film', SIZE, 'new')).rejects.toThrow(full);
    expect(await list(dir)).toEqual(['film']);
  });

  it('gives way to folders', async () => {
    const { dir, start } = await openRoom(limit, HALF - MIB / 2);
    await leaveFull(dir, 'film');
    const sink = await start({ peer: 'q' });
    for (let n = 0; n < 130; n++) await sink.place(offerDirectory(`d${n}`));
    expect(await list(dir)).toEqual([]);
  });

  it('is all that gives way: what broke off for another reason stays', async () => {
    const { dir, start } = await openRoom(limit, 2 * HALF);
    await breakOff(await start(), 'film');
    await expect((await start({ peer: 'q' })).open(offerFile('new', SIZE))).rejects.toThrow(full);
    expect(await list(dir)).toEqual(['film']);
  });
});

describe('a write that finds the disk full although the system told of room', () => {
  it.each(['ENOSPC', 'EDQUOT'])('is tried again when something has given way (%s)', async (code) => {
    const dir = await tempDir();
    await leaveFull(dir, 'film');
    const sink = sinkOf(dir, { peer: 'q', parts: createYieldingParts(dir), space: createSpace() });
    const part = expectPart(await sink.open(offerFile('new', SIZE)));
    vi.spyOn(DiskFile.prototype, 'write').mockRejectedValueOnce(Object.assign(new Error('full'), { code }));
    await part.write(makeBlock(1), 0);
    expect(await list(dir)).toEqual(['new']);
    await part.discard();
  });

  it('fails when nothing is left to give way', async () => {
    const dir = await tempDir();
    await leaveFull(dir, 'film');
    await breakOff(sinkOf(dir, { peer: 'r', space: createSpace() }), 'other');
    const sink = sinkOf(dir, { peer: 'q', parts: createYieldingParts(dir), space: createSpace() });
    const part = expectPart(await sink.open(offerFile('new', SIZE)));
    const error = Object.assign(new Error('full'), { code: 'ENOSPC' });
    vi.spyOn(DiskFile.prototype, 'write').mockRejectedValueOnce(error).mockRejectedValueOnce(error);
    await expect(part.write(makeBlock(1), 0)).rejects.toThrow(full);
    await part.discard();
    expect(await list(dir)).toEqual(['other']);
  });
});

it('a disk without inodes gets those of a part that gives way', async () => {
  const dir = await tempDir();
  await leaveFull(dir, 'film');
  const parts = createYieldingParts(dir);
  const read = async () => figuresOf({ freeFiles: 2 - (await readdir(dir)).length });
  const sink = sinkOf(dir, { peer: 'q', parts, space: createSpace(read, parts) });
  expect(await receiveFile(sink, 'new', makeContent(1000))).toBe('new');
  expect(await readNames(dir)).toEqual(['new']);
});

it('a quota has back what a part took that gave way on the disk', async () => {
  const dir = await tempDir();
  await leaveFull(dir, 'film');
  const parts = createYieldingParts(dir);
  const quota: Quota = await createQuota(dir, 100 * MIB, undefined, parts);
  const [before, unfinished] = [await quota.left(0), quota.unfinished()];
  const { dev } = lstatSync(dir);
  expect(await parts.dropOldest(String(dev))).toBe(true);
  expect([(await quota.left(0)) - before, unfinished - quota.unfinished()]).toEqual([HALF, HALF]);
  expect(await parts.dropOldest(String(dev))).toBe(false);
});
