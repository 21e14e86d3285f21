import { describe, expect, it } from 'vitest';
import { readAhead } from '../../../src/storage/disk/read-ahead.js';

/** Blocks that become ready when the test says so. */
function createReads() {
  const reads: PromiseWithResolvers<Uint8Array | undefined>[] = [];
  const readBlock = (number: number): Promise<Uint8Array | undefined> => {
    expect(number).toBe(reads.length);
    const read = withResolvers<Uint8Array | undefined>();
    reads.push(read);
    return read.promise;
  };
  return { reads, readBlock };
}

interface PromiseWithResolvers<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let settle!: Pick<PromiseWithResolvers<T>, 'resolve' | 'reject'>;
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}

const block = (byte: number): Uint8Array => Uint8Array.of(byte);

describe('readAhead', () => {
  it('reads one block ahead of the consumer and no more', async () => {
    const { reads, readBlock } = createReads();
    const blocks = readAhead(readBlock);
    const first = blocks.next();
    expect(reads).toHaveLength(1);
    reads[0]!.resolve(block(0));
    expect((await first).value).toEqual(block(0));
    expect(reads).toHaveLength(2);
    reads[1]!.resolve(block(1));
    await reads[1]!.promise;
    expect(reads).toHaveLength(2);
    expect((await blocks.next()).value).toEqual(block(1));
    expect(reads).toHaveLength(3);
    reads[2]!.resolve(undefined);
    expect((await blocks.next()).done).toBe(true);
    expect(reads).toHaveLength(3);
  });

  it('hands over a failure in its place', async () => {
    const { reads, readBlock } = createReads();
    const blocks = readAhead(readBlock);
    const first = blocks.next();
    reads[0]!.resolve(block(0));
    await first;
    reads[1]!.reject(new Error('broken'));
    await expect(blocks.next()).rejects.toThrow('broken');
    expect((await blocks.next()).done).toBe(true);
  });

  it('waits for the read that is under way when the consumer leaves', async () => {
    const { reads, readBlock } = createReads();
    let cancelled = false;
    const blocks = readAhead(readBlock, () => (cancelled = true));
    const first = blocks.next();
    reads[0]!.resolve(block(0));
    await first;
    let left = false;
    const leaving = blocks.return().then(() => (left = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect([left, cancelled]).toEqual([false, true]);
    reads[1]!.reject(new Error('nobody waits for it'));
    await leaving;
  });
});
