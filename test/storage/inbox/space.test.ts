import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { countFree, createSpace, type SenderSpace } from '../../../src/storage/inbox/space.js';
import { expectPart, offerFile, refusal } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';

const MIB = BLOCK_BYTES;
const GIB = 1024 * MIB;
const MARGIN = 64 * MIB;
const full = refusal('no-space');

/** A disk with so much free beside the margin; what is used of a reservation by `write` is on it. */
function openDisk(free: number) {
  let left = free + MARGIN;
  const space = createSpace('/', () => Promise.resolve(left));
  const write = async (reservation: Awaited<ReturnType<SenderSpace['reserve']>>, bytes: number) => {
    left -= bytes;
    await reservation.use(bytes);
  };
  return { space, write, left: () => left };
}

describe('one sender', () => {
  it('is given room as long as it lasts, less a margin', async () => {
    const sender = openDisk(10 * MIB).space.join();
    await sender.reserve('a', 6 * MIB);
    const sentence =
      "b: 5 MiB is more than the 4 MiB that the receiver's disk has left for it. Make room there, then send again.";
    await expect(sender.reserve('b', 5 * MIB)).rejects.toThrow(sentence);
    await sender.reserve('c', 4 * MIB);
  });

  it('is never promised the same bytes twice, also when it asks at once', async () => {
    const sender = openDisk(10 * MIB).space.join();
    const asked = await Promise.allSettled([sender.reserve('a', 6 * MIB), sender.reserve('b', 6 * MIB)]);
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('has what it used on the disk, and gets back what it gives back', async () => {
    const { space, write } = openDisk(10 * MIB);
    const sender = space.join();
    const reservation = await sender.reserve('a', 10 * MIB);
    await write(reservation, 3 * MIB);
    await expect(sender.reserve('b', MIB)).rejects.toThrow(full);
    reservation.release();
    reservation.release();
    await sender.reserve('c', 7 * MIB);
    await expect(sender.reserve('d', MIB)).rejects.toThrow(full);
  });

  it('need not ask for small files', async () => {
    await openDisk(0)
      .space.join()
      .reserve('a', MIB - 1);
  });

  it('is taken to have room where the system does not tell', async () => {
    const space = createSpace('/', () => Promise.reject(new Error('not here')));
    await (await space.join().reserve('a', 2 ** 50)).use(MIB);
  });

  it('fills the disk to its margin with one file', async () => {
    const { space, write, left } = openDisk(GIB);
    const reservation = await space.join().reserve('a', GIB);
    for (let done = 0; done < GIB; done += MIB) await write(reservation, MIB);
    expect(left()).toBe(MARGIN);
  });
});

describe('the figures of a disk', () => {
  const ALL_ONES = 2 ** 64;

  it.each([
    ['all zeros', { blocks: 0, bavail: 0, bsize: 0 }, Infinity],
    ['no blocks in all', { blocks: 0, bavail: 0, bsize: 4096 }, Infinity],
    ['no size of a block', { blocks: 1000, bavail: 500, bsize: 0 }, Infinity],
    ['all ones', { blocks: ALL_ONES, bavail: ALL_ONES, bsize: 4096 }, Infinity],
    ['more free than there is', { blocks: 1000, bavail: ALL_ONES - 100, bsize: 4096 }, Infinity],
    ['fewer than none', { blocks: 1000, bavail: -100, bsize: 4096 }, Infinity],
    ['none free of a known total', { blocks: 1000, bavail: 0, bsize: 4096 }, 0],
    ['all free', { blocks: 1000, bavail: 1000, bsize: 512 }, 512_000],
  ])('that are %s', (_, figures, free) => {
    expect(countFree(figures)).toBe(free);
  });
});

describe('senders that only promise', () => {
  it('keep nobody out, however many and however much', async () => {
    const { space, write } = openDisk(10 * GIB);
    for (let n = 0; n < 100; n++) await space.join().reserve('hostile', 10 * GIB);
    const reservation = await space.join().reserve('honest', 9 * GIB);
    for (let done = 0; done < 9 * GIB; done += 8 * MIB) await write(reservation, 8 * MIB);
  });

  it('keep others from no more than 32 times what they bring', async () => {
    const { space, write } = openDisk(10 * GIB);
    await write(await space.join().reserve('hostile', 10 * GIB), 64 * MIB);
    await space.join().reserve('honest', 10 * GIB - 64 * MIB - 2 * GIB);
    await expect(space.join().reserve('too much', 10 * GIB - 64 * MIB - GIB)).rejects.toThrow(full);
  });
});

describe('senders that deliver', () => {
  it('are not crowded out by who comes later', async () => {
    const { space, write } = openDisk(10 * GIB);
    const first = await space.join().reserve('first', 6 * GIB);
    for (let done = 0; done < GIB; done += MIB) await write(first, MIB);
    await expect(space.join().reserve('late', 5 * GIB)).rejects.toThrow(full);
    const fits = await space.join().reserve('fits', 4 * GIB);
    for (let done = 0; done < 4 * GIB; done += MIB) await write(fits, MIB);
    for (let done = GIB; done < 6 * GIB; done += MIB) await write(first, MIB);
  });

  it('of which the disk can hold only one find that out early, and one of them goes on', async () => {
    const { space, write } = openDisk(10 * GIB);
    const senders = [await space.join().reserve('a', 6 * GIB), await space.join().reserve('b', 6 * GIB)];
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

it('never lets the disk run full, whoever brings what of it, and returns everything', async () => {
  const act = fc.record({
    who: fc.nat(4),
    what: fc.constantFrom('reserve', 'write', 'write', 'end'),
    mib: fc.integer({ min: 1, max: 400 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 80 }), async (acts) => {
      const { space, write, left } = openDisk(GIB);
      const senders = Array.from({ length: 5 }, () => ({ space: space.join(), open: undefined as Open | undefined }));
      for (const { who, what, mib } of acts) {
        const sender = senders[who]!;
        if (what === 'reserve' && !sender.open) {
          const reservation = await sender.space.reserve('x', mib * MIB).catch(() => undefined);
          if (reservation) sender.open = { reservation, rest: mib * MIB };
        } else if (what !== 'reserve' && sender.open) {
          const bytes = what === 'end' ? 0 : Math.min(sender.open.rest, mib * MIB);
          sender.open.rest -= bytes;
          const isRefused =
            bytes > 0 &&
            (await write(sender.open.reservation, bytes).then(
              () => false,
              () => true,
            ));
          if (isRefused || bytes === 0) {
            sender.open.reservation.release();
            sender.open = undefined;
          }
        }
      }
      for (const { open } of senders) open?.reservation.release();
      if (left() >= MARGIN + MIB) await space.join().reserve('all', left() - MARGIN);
    }),
  );
});

interface Open {
  readonly reservation: Awaited<ReturnType<SenderSpace['reserve']>>;
  rest: number;
}

describe('a sink', () => {
  it('refuses a file before its first byte, and takes it once there is room', async () => {
    const dir = await tempDir();
    let free = MARGIN;
    const space = createSpace(dir, () => Promise.resolve(free));
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
    const space = createSpace(dir, () => Promise.resolve(MARGIN + 2 * MIB));
    const open = () =>
      createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, space }).open(offerFile('x', 2 * MIB));
    const parts = [expectPart(await open()), expectPart(await open())];
    await parts[0]!.write(new Uint8Array(MIB), 0);
    await expect(open()).rejects.toThrow(full);
    for (const part of parts) await part.discard();
  });
});
