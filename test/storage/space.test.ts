import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../src/ports.js';
import { createFileSink } from '../../src/storage/file-sink.js';
import { createSpace } from '../../src/storage/space.js';
import { expectPart, offerFile, refusal } from '../contract/sink.contract.js';
import { tempDir } from '../support/folders.js';

const MIB = BLOCK_BYTES;
const MARGIN = 64 * MIB;
const spaceOf = (free: number) => createSpace('/', () => Promise.resolve(free + MARGIN));

describe('space', () => {
  it('is given as long as it lasts, less a margin', async () => {
    const space = spaceOf(10 * MIB);
    await space.reserve('a', 6 * MIB);
    await expect(space.reserve('b', 5 * MIB)).rejects.toThrow("b: 5 MiB is more than the 4 MiB that the receiver's disk has left.");
    await space.reserve('c', 4 * MIB);
  });

  it('is never promised twice by two who ask at once', async () => {
    const space = spaceOf(10 * MIB);
    const asked = await Promise.allSettled([space.reserve('a', 6 * MIB), space.reserve('b', 6 * MIB)]);
    expect(asked.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1);
    await space.reserve('c', 4 * MIB);
  });

  it('is free again when it was used, which the disk shows by itself, and when it is given back', async () => {
    const space = spaceOf(10 * MIB);
    const reservation = await space.reserve('a', 10 * MIB);
    await expect(space.reserve('b', MIB)).rejects.toThrow(refusal('no-space'));
    reservation.use(3 * MIB);
    await space.reserve('b', 3 * MIB);
    reservation.end();
    reservation.end();
    await space.reserve('c', 7 * MIB);
    await expect(space.reserve('d', MIB)).rejects.toThrow(refusal('no-space'));
  });

  it('is not asked for by small files', async () => {
    await spaceOf(0).reserve('a', MIB - 1);
  });

  it('is taken to be there where the system does not tell', async () => {
    await createSpace('/', () => Promise.reject(new Error('not here'))).reserve('a', 2 ** 50);
  });
});

describe('a sink', () => {
  it('refuses a file before its first byte, and takes it once there is room', async () => {
    const dir = await tempDir();
    let free = MARGIN;
    const space = createSpace(dir, () => Promise.resolve(free));
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, space });
    await expect(sink.open(offerFile('x', 2 * MIB))).rejects.toThrow(refusal('no-space'));
    free += 2 * MIB;
    const part = expectPart(await sink.open(offerFile('x', 2 * MIB)));
    await expect(sink.open(offerFile('y', 2 * MIB))).rejects.toThrow(refusal('no-space'));
    await part.write(new Uint8Array(MIB), 0);
    await part.discard();
    const again = expectPart(await sink.open(offerFile('y', 2 * MIB)));
    await again.discard();
  });
});
