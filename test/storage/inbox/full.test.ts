/** What becomes of a large file when the room ends in the middle of it. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { PartFile, Sink } from '../../../src/core/sink.js';
import { DiskFile } from '../../../src/storage/disk/disk-file.js';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import { createQuota } from '../../../src/storage/inbox/quota.js';
import { createSpace } from '../../../src/storage/inbox/space.js';
import { expectPart, offerFile, refusal } from '../../contract/sink.contract.js';
import { makeContent, readNames, tempDir } from '../../support/folders.js';

const MIB = BLOCK_BYTES;
const SIZE = 12 * MIB;
const content = makeContent(SIZE, 5);
const full = refusal('no-space');

afterEach(() => void vi.restoreAllMocks());

/** Makes calls on part files fail from the `after`th on. */
function failOn(method: 'write' | 'datasync' | 'sync', after: number, code: string): void {
  const real = Reflect.get(DiskFile.prototype, method) as (...args: unknown[]) => unknown;
  let calls = 0;
  vi.spyOn(DiskFile.prototype, method).mockImplementation(function (this: DiskFile, ...args: unknown[]) {
    calls += 1;
    if (calls < after) return real.apply(this, args) as never;
    return Promise.reject(Object.assign(new Error(code), { code })) as never;
  });
}

/** Offers the file, and writes it until it fails. */
async function bring(sink: Sink): Promise<{ part: PartFile; blocks: number }> {
  const part = expectPart(await sink.open(offerFile('film', SIZE)));
  let blocks = part.durable.length;
  try {
    for (; blocks < SIZE / MIB; blocks++) {
      const offset = blocks * MIB;
      await part.write(content.subarray(offset, offset + MIB), offset);
      part.confirm(offset, BigInt(blocks));
    }
    await part.commit(SIZE);
  } catch (error) {
    expect(error).toEqual(full);
  }
  return { part, blocks };
}

/** Ways in which the room ends in the middle. */
const ENDS: [string, (dir: string) => Promise<Partial<FileSinkOptions>>][] = [
  ['the quota of the folder is used up', async (dir) => ({ quota: await createQuota(dir, SIZE - 1) })],
  [
    'the disk is full',
    () => {
      failOn('write', 6, 'ENOSPC');
      return Promise.resolve({});
    },
  ],
  [
    'the disk quota of the user is used up',
    () => {
      failOn('write', 6, 'EDQUOT');
      return Promise.resolve({});
    },
  ],
];

/** Lets the offer in although the quota has no room for all of it. */
function withoutForesight(options: Partial<FileSinkOptions>): Partial<FileSinkOptions> {
  const { quota } = options;
  if (!quota) return options;
  let isOffer = true;
  const assertRoom = (path: string, bytes: number) =>
    isOffer ? Promise.resolve(void (isOffer = false)) : quota.assertRoom(path, bytes);
  return { quota: { ...quota, assertRoom } };
}

describe('what has arrived of a large file when', () => {
  const openSink = async (dir: string, end: (typeof ENDS)[number][1], isKnown: boolean) => {
    const options = withoutForesight(await end(dir));
    const limits = { dir, onConflict: 'rename', maxSize: Infinity, peer: 'p' } as const;
    return createFileSink({ ...limits, space: createSpace(), isKnown, ...options });
  };

  it.each(ENDS)('%s, is kept for a sender that is known, to the last block', async (_, end) => {
    const dir = await tempDir();
    const { part, blocks } = await bring(await openSink(dir, end, true));
    expect(blocks).toBe(end === ENDS[0]?.[1] ? 11 : 5);
    expect(await part.suspend()).toBe(blocks * MIB);
    vi.restoreAllMocks();
    const again = expectPart(
      await createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'p' }).open(offerFile('film', SIZE)),
    );
    expect(again.durable).toHaveLength(blocks);
    await again.discard();
    expect(await readNames(dir)).toEqual([]);
  });

  it.each(ENDS)('%s, is removed for a stranger', async (_, end) => {
    const dir = await tempDir();
    const { part } = await bring(await openSink(dir, end, false));
    expect(await part.suspend()).toBe(0);
    expect(await readNames(dir)).toEqual([]);
  });

  it.each([
    ['ENOSPC', true],
    ['EDQUOT', true],
    ['ENOSPC', false],
    ['EIO', true],
  ])(
    'the last sync fails with %s, is kept up to what was durable before if the sender is known (%s)',
    async (code, isKnown) => {
      const dir = await tempDir();
      const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'p', isKnown });
      const part = expectPart(await sink.open(offerFile('film', SIZE)));
      vi.spyOn(performance, 'now').mockReturnValue(1e9);
      for (let offset = 0; offset < SIZE; offset += MIB) {
        await part.write(content.subarray(offset, offset + MIB), offset);
        part.confirm(offset, 1n);
      }
      failOn('sync', 1, code);
      await expect(part.commit(SIZE)).rejects.toThrow(refusal(code === 'EIO' ? 'io' : 'no-space'));
      const isKept = isKnown && code !== 'EIO';
      const kept = await part.suspend();
      expect(kept > 0).toBe(isKept);
      expect((await readNames(dir)).map((name) => name.replace(/.*\./, '')).sort()).toEqual(
        isKept ? ['journal', 'part'] : [],
      );
      vi.restoreAllMocks();
      const again = expectPart(await sink.open(offerFile('film', SIZE)));
      expect(again.durable).toHaveLength(kept / MIB);
      await again.discard();
    },
  );

  it('the last sync fails before anything is durable, is removed', async () => {
    const dir = await tempDir();
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'p', isKnown: true });
    vi.spyOn(performance, 'now').mockReturnValue(0);
    const part = expectPart(await sink.open(offerFile('film', SIZE)));
    for (let offset = 0; offset < SIZE; offset += MIB) {
      await part.write(content.subarray(offset, offset + MIB), offset);
      part.confirm(offset, 1n);
    }
    failOn('sync', 1, 'ENOSPC');
    await expect(part.commit(SIZE)).rejects.toThrow(full);
    expect(await part.suspend()).toBe(0);
    expect(await readNames(dir)).toEqual([]);
  });

  it('a sync has failed before, is kept only up to what was durable then, because a later sync may not tell', async () => {
    const dir = await tempDir();
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, peer: 'p', isKnown: true });
    const part = expectPart(await sink.open(offerFile('film', SIZE)));
    await part.write(content.subarray(0, MIB), 0);
    part.confirm(0, 1n);
    failOn('datasync', 1, 'ENOSPC');
    expect(await part.suspend()).toBe(0);
    expect(await readNames(dir)).toEqual([]);
  });
});
