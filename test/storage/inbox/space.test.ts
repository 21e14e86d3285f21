import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { PartFile, Sink } from '../../../src/core/sink.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { withReservation, type Reservation } from '../../../src/storage/inbox/reservation.js';
import { createSpace } from '../../../src/storage/inbox/space.js';
import {
  expectPart,
  offerDirectory,
  offerFile,
  offerLink,
  receiveFile,
  refusal,
} from '../../contract/sink.contract.js';
import { createFakeSpace, GROUND, KEPT } from '../../support/fake-disk.js';
import { readNames, tempDir } from '../../support/folders.js';

const MIB = BLOCK_BYTES;
const GIB = 1024 * MIB;
const full = refusal('no-space');

/** A disk with so much free beside what it keeps; what a reservation takes by `write` is on it. */
function openDisk(free: number) {
  let left = free + KEPT;
  const space = createFakeSpace(() => ({ freeBytes: left }));
  const write = async (reservation: Reservation, bytes: number) => {
    try {
      await reservation.take(bytes);
      left -= bytes;
    } finally {
      reservation.settle(bytes);
    }
  };
  return { space, write, left: () => left };
}

describe('one sender', () => {
  it('is given room as long as it lasts, less what stays free', async () => {
    const sender = openDisk(10 * MIB)
      .space.join()
      .at(GROUND);
    await sender.reserve('a', 6 * MIB);
    const sentence =
      "b: 5 MiB is more than the 4 MiB that the receiver's disk has left for it, beside the 64 MiB that stay free. Make room there, then send again.";
    await expect(sender.reserve('b', 5 * MIB)).rejects.toThrow(sentence);
    await sender.reserve('c', 4 * MIB);
    await expect(sender.reserve('d', 0)).rejects.toThrow('d: 4 KiB is more than the 0 B');
    await expect(sender.reserve('stream', null)).rejects.toThrow(
      "stream: the receiver's disk is full, beside the 64 MiB that stay free; make room there, then send again.",
    );
  });

  it('is never promised the same bytes twice, also when it asks at once', async () => {
    const sender = openDisk(10 * MIB)
      .space.join()
      .at(GROUND);
    const asked = await Promise.allSettled([sender.reserve('a', 6 * MIB), sender.reserve('b', 6 * MIB)]);
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('has what it used on the disk, and gets back what it gives back', async () => {
    const { space, write } = openDisk(10 * MIB);
    const sender = space.join().at(GROUND);
    const reservation = await sender.reserve('a', 10 * MIB);
    await write(reservation, 3 * MIB);
    await expect(sender.reserve('b', MIB)).rejects.toThrow(full);
    reservation.release();
    reservation.release();
    await sender.reserve('c', 7 * MIB);
    await expect(sender.reserve('d', MIB)).rejects.toThrow(full);
  });

  it('is taken to have room where the system does not tell', async () => {
    const space = createSpace(() => Promise.reject(new Error('not here')));
    await (
      await space
        .join()
        .at(GROUND)
        .reserve('a', 2 ** 50)
    ).take(MIB);
  });

  it('fills the disk to what stays free with one file', async () => {
    const { space, write, left } = openDisk(GIB);
    const reservation = await space.join().at(GROUND).reserve('a', GIB);
    for (let done = 0; done < GIB; done += MIB) await write(reservation, MIB);
    expect(left()).toBe(KEPT);
  });
});

describe('senders that only promise', () => {
  it('keep nobody out, however many and however much', async () => {
    const { space, write } = openDisk(10 * GIB);
    for (let n = 0; n < 100; n++)
      await space
        .join()
        .at(GROUND)
        .reserve('hostile', 10 * GIB);
    const reservation = await space
      .join()
      .at(GROUND)
      .reserve('honest', 9 * GIB);
    for (let done = 0; done < 9 * GIB; done += 8 * MIB) await write(reservation, 8 * MIB);
  });

  it('keep others from no more than 32 times what they bring', async () => {
    const { space, write } = openDisk(10 * GIB);
    await write(
      await space
        .join()
        .at(GROUND)
        .reserve('hostile', 10 * GIB),
      64 * MIB,
    );
    await space
      .join()
      .at(GROUND)
      .reserve('honest', 10 * GIB - 64 * MIB - 2 * GIB);
    await expect(
      space
        .join()
        .at(GROUND)
        .reserve('too much', 10 * GIB - 64 * MIB - GIB),
    ).rejects.toThrow(full);
  });
});

describe('senders that deliver', () => {
  it('are not crowded out by who comes later', async () => {
    const { space, write } = openDisk(10 * GIB);
    const first = await space
      .join()
      .at(GROUND)
      .reserve('first', 6 * GIB);
    for (let done = 0; done < GIB; done += MIB) await write(first, MIB);
    await expect(
      space
        .join()
        .at(GROUND)
        .reserve('late', 5 * GIB),
    ).rejects.toThrow(full);
    const fits = await space
      .join()
      .at(GROUND)
      .reserve('fits', 4 * GIB);
    for (let done = 0; done < 4 * GIB; done += MIB) await write(fits, MIB);
    for (let done = GIB; done < 6 * GIB; done += MIB) await write(first, MIB);
  });

  it('of which the disk can hold only one find that out early, and one of them goes on', async () => {
    const { space, write } = openDisk(10 * GIB);
    const senders = [
      await space
        .join()
        .at(GROUND)
        .reserve('a', 6 * GIB),
      await space
        .join()
        .at(GROUND)
        .reserve('b', 6 * GIB),
    ];
    const brought = await Promise.all(
      senders.map(async (reservation) => {
        let done = 0;
        try {
          for (; done < 6 * GIB; done += MIB) await write(reservation, MIB);
        } catch (error) {
          expect(error).toEqual(full);
          reservation.release();
        }
        return done;
      }),
    );
    expect(Math.max(...brought)).toBe(6 * GIB);
    expect(Math.min(...brought)).toBeLessThan((6 * GIB) / 8);
  });
});

it('never lets the disk run into what it keeps free, whoever brings what of it, and returns everything', async () => {
  const act = fc.record({
    who: fc.nat(4),
    what: fc.constantFrom('reserve', 'stream', 'write', 'write', 'end'),
    mib: fc.integer({ min: 1, max: 400 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 80 }), async (acts) => {
      const { space, write, left } = openDisk(GIB);
      const senders = Array.from({ length: 5 }, () => ({
        disk: space.join().at(GROUND),
        open: undefined as Open | undefined,
      }));
      for (const { who, what, mib } of acts) {
        const sender = senders[who]!;
        if (what === 'reserve' || what === 'stream') {
          if (sender.open) continue;
          const reservation = await sender.disk
            .reserve('x', what === 'stream' ? null : mib * MIB)
            .catch(() => undefined);
          if (reservation) sender.open = { reservation, rest: mib * MIB };
        } else if (sender.open) {
          const bytes = what === 'end' ? 0 : Math.min(sender.open.rest, mib * MIB);
          sender.open.rest -= bytes;
          const isWritten = bytes > 0 && (await write(sender.open.reservation, bytes).then(succeed, fail));
          expect(left()).toBeGreaterThanOrEqual(KEPT);
          if (isWritten) continue;
          sender.open.reservation.release();
          sender.open = undefined;
        }
      }
      for (const { open } of senders) open?.reservation.release();
      await space
        .join()
        .at(GROUND)
        .reserve('all', left() - KEPT);
    }),
  );
});

const succeed = () => true;
const fail = () => false;

interface Open {
  readonly reservation: Reservation;
  rest: number;
}

describe('a running figure', () => {
  it('is read once for ten thousand small files, and not for each of them', async () => {
    let reads = 0;
    const disk = createFakeSpace(() => ({ freeBytes: GIB, freeFiles: 20_000 + reads++ }))
      .join()
      .at(GROUND);
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    for (let n = 0; n < 10_000; n++) {
      const reservation = await disk.reserve('x', 100);
      expect(reservation.take(100)).toBe(undefined);
      reservation.settle(100);
      reservation.release();
    }
    expect(reads).toBe(1);
    vi.advanceTimersByTime(1_001);
    await disk.reserve('x', 100);
    await disk.reserve('x', 100);
    expect(reads).toBe(2);
  });

  it('counts a small file, a folder and a link as the disk does: whole blocks, and at least one', async () => {
    // The disk is asked no more: what it says would have to change with each entry.
    let figures = () => ({ freeBytes: KEPT + 3 * 65_536, blockBytes: 65_536 });
    const disk = createFakeSpace(() => figures())
      .join()
      .at(GROUND);
    for (const size of [0, 1]) {
      const part = withReservation(fakePart(), await disk.reserve('x', size), false);
      if (size > 0) await part.write(new Uint8Array(size), 0);
      await part.commit(size);
    }
    (await disk.takeEntries('link', [0]))([0]);
    figures = gone;
    await expect(disk.reserve('y', 1)).rejects.toThrow(full);
    await expect(disk.takeEntries('folder', [0])).rejects.toThrow(full);
  });

  it.each([0, 1, null, 5 * MIB])(
    'counts the inode of a file of %s bytes from its offer on, until it is given up',
    async (size) => {
      let figures = () => ({ freeFiles: 11, keptFiles: 10 });
      const disk = createFakeSpace(() => figures())
        .join()
        .at(GROUND);
      const sentence =
        "x: the receiver's disk can take no more files, but for 10 that it keeps free; remove some there, then send again.";
      const first = await disk.reserve('first', size);
      await expect(disk.reserve('x', size)).rejects.toThrow(sentence);
      await expect(disk.takeEntries('x', [0])).rejects.toThrow(sentence);
      first.release();
      first.release();
      await (await disk.reserve('second', size)).take(1);
      figures = gone;
      await expect(disk.takeEntries('x', [0])).rejects.toThrow(sentence);
    },
  );

  it('lets a stream be written as long as there is room beside what is kept free', async () => {
    const { space, write, left } = openDisk(3 * MIB);
    const stream = await space.join().at(GROUND).reserve('stream', null);
    for (let n = 0; n < 3; n++) await write(stream, MIB);
    await expect(write(stream, 1)).rejects.toThrow(
      "stream: the receiver's disk is full, beside the 64 MiB that stay free; make room there, then send again.",
    );
    expect(left()).toBe(KEPT);
  });

  it('holds for small files that were offered before the room was gone', async () => {
    const { space, write, left } = openDisk(MIB);
    const disk = space.join().at(GROUND);
    const small = await Promise.all([1, 2, 3].map(() => disk.reserve('x', MIB - 1)));
    const written = await Promise.allSettled(small.map((reservation) => write(reservation, MIB - 1)));
    expect(written.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(left()).toBeGreaterThanOrEqual(KEPT);
  });

  it('is one for each disk', async () => {
    const space = createFakeSpace(({ device }) => ({ freeBytes: KEPT + (device === '1' ? MIB : 5 * MIB) })).join();
    await expect(space.at(GROUND).reserve('x', 2 * MIB)).rejects.toThrow(full);
    await space.at({ ...GROUND, device: '2' }).reserve('x', 5 * MIB);
    await expect(space.at({ ...GROUND, device: '2' }).reserve('y', MIB)).rejects.toThrow(full);
    await space.at(GROUND).reserve('y', MIB);
  });

  it('is read anew before a list is refused', async () => {
    let free = KEPT;
    const disk = createFakeSpace(() => ({ freeBytes: free }))
      .join()
      .at(GROUND);
    const wanted = { bytes: MIB, files: 1 };
    expect(await disk.left(wanted)).toMatchObject({ bytes: 0 });
    free += MIB;
    expect(await disk.left(wanted)).toMatchObject({ bytes: MIB });
  });

  it('stays as it was when the disk cannot be asked any more', async () => {
    let isGone = false;
    const space = createFakeSpace(() => {
      if (isGone) throw new Error('gone');
      return { freeBytes: KEPT + MIB };
    });
    const disk = space.join().at(GROUND);
    await disk.reserve('x', 1);
    isGone = true;
    await expect(disk.reserve('y', 2 * MIB)).rejects.toThrow(full);
  });
});

function gone(): never {
  throw new Error('gone');
}

function fakePart(): PartFile {
  const done = () => Promise.resolve();
  const commit = () => Promise.resolve({ as: 'x' });
  const suspend = () => Promise.resolve(0);
  const ends = { commit, discard: done, suspend };
  return { state: 'part', durable: [], confirm: () => undefined, write: done, writeZeros: done, ...ends };
}

describe('a sink', () => {
  it('refuses a file before its first byte, and takes it once there is room', async () => {
    const dir = await tempDir();
    let free = KEPT;
    const space = createFakeSpace(() => ({ freeBytes: free }));
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, space });
    await expect(sink.open(offerFile('x', 2 * MIB))).rejects.toThrow(full);
    free += 2 * MIB;
    const part = expectPart(await sink.open(offerFile('x', 2 * MIB)));
    await expect(sink.open(offerFile('y', 2 * MIB))).rejects.toThrow(full);
    await part.write(new Uint8Array(MIB), 0);
    await part.discard();
    const again = expectPart(await sink.open(offerFile('y', 2 * MIB)));
    await again.discard();
  });

  it('promises each session by itself', async () => {
    const dir = await tempDir();
    const space = createFakeSpace(() => ({ freeBytes: KEPT + 2 * MIB }));
    const open = () =>
      createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, space }).open(offerFile('x', 2 * MIB));
    const parts = [expectPart(await open()), expectPart(await open())];
    await parts[0]!.write(new Uint8Array(MIB), 0);
    await expect(open()).rejects.toThrow(full);
    for (const part of parts) await part.discard();
  });

  it.each<[string, (sink: Sink) => Promise<unknown>]>([
    ['an empty file', (sink) => receiveFile(sink, 'new/x', Buffer.alloc(0))],
    ['a file of one byte', (sink) => receiveFile(sink, 'x', Buffer.alloc(1))],
    ['a folder', (sink) => sink.place(offerDirectory('x'))],
    ['a link', (sink) => sink.place(offerLink('d/x', 'y'))],
    ['a file in folders that have to be made', (sink) => receiveFile(sink, 'a/b/c/x', Buffer.alloc(0))],
  ])('refuses %s when the disk has only left what it keeps free, and leaves nothing', async (_, bring) => {
    for (const figures of [{ freeBytes: KEPT + 4095 }, { freeFiles: 10, keptFiles: 10 }]) {
      const dir = await tempDir();
      const space = createFakeSpace(() => figures);
      await expect(bring(createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, space }))).rejects.toThrow(
        full,
      );
      expect(await readNames(dir)).toEqual([]);
    }
  });
});
