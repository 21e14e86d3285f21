import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { digestBlock } from '../../../src/core/checksum.js';
import type { PartFile } from '../../../src/core/sink.js';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { Channel } from '../../../src/protocol/channel.js';
import type { DataMessage } from '../../../src/protocol/messages.js';
import { BlockIntake } from '../../../src/session/receive/block-intake.js';
import { createBlockPool } from '../../../src/session/receive/block-pool.js';
import { createReceiverWatch } from '../../../src/session/shares.js';
import { createIncomingFile } from '../../../src/session/receive/incoming-file.js';

/** A part file whose writes end when the test says so. */
function createSlowPart() {
  const stored = Buffer.alloc(16 * BLOCK_BYTES);
  const pending: (() => void)[] = [];
  const lengths: number[] = [];
  let gated = false;
  const part: PartFile = {
    state: 'part',
    durable: [],
    confirm: () => undefined,
    suspend: () => Promise.resolve(0),
    async write(block, offset) {
      lengths.push(block.length);
      if (gated) await new Promise<void>((resolve) => pending.push(resolve));
      stored.set(block, offset);
    },
    writeZeros: () => Promise.resolve(),
    commit: () => Promise.resolve({ as: 'x' }),
    discard: () => Promise.resolve(),
  };
  return { part, stored, lengths, hold: () => (gated = true), finishOne: () => pending.shift()?.() };
}

function createContentChannel(content: Buffer, delay?: () => Promise<void>) {
  let at = 0;
  const channel: Pick<Channel, 'readContent'> = {
    async readContent(target) {
      await delay?.();
      content.copy(target, 0, at, at + target.length);
      at += target.length;
    },
  };
  return channel as Channel;
}

const headOf = (content: Buffer, offset: number, length = BLOCK_BYTES): DataMessage => ({
  type: 'data',
  id: 1,
  offset,
  length,
  digest: digestBlock(content.subarray(offset, offset + length)),
});

afterEach(() => void vi.useRealTimers());

const isOpen = () => true;
const content = randomBytes(14 * BLOCK_BYTES);

function open(poolBlocks: number, delay?: () => Promise<void>) {
  const disk = createSlowPart();
  const file = createIncomingFile(disk.part, content.length, () => undefined);
  const pool = createBlockPool(poolBlocks);
  const intake = new BlockIntake(createContentChannel(content, delay), pool, createReceiverWatch());
  const takeNext = (number: number, head = headOf(content, number * BLOCK_BYTES)) => {
    file.assertDue(head);
    return intake.take(head, file, isOpen);
  };
  return { ...disk, pool, takeNext };
}

describe('a block', () => {
  it('is written whole while the pool has memory', async () => {
    const { takeNext, lengths } = open(2);
    expect(await takeNext(0)).toBe('keep');
    expect(lengths).toEqual([BLOCK_BYTES]);
  });

  it('is written in pieces while it has none, and verified all the same', async () => {
    const { takeNext, lengths, stored } = open(0);
    expect(await takeNext(0)).toBe('keep');
    expect(await takeNext(1, { ...headOf(content, BLOCK_BYTES), digest: 1n })).toBe('again');
    expect(lengths).toEqual(Array(32).fill(64 * 1024));
    expect(stored.subarray(0, BLOCK_BYTES).equals(content.subarray(0, BLOCK_BYTES))).toBe(true);
  });

  it('of a slow sender holds no pooled memory', async () => {
    vi.useFakeTimers();
    const { takeNext, lengths } = open(2, () => {
      vi.advanceTimersByTime(300);
      return Promise.resolve();
    });
    await takeNext(0);
    await takeNext(1);
    expect(lengths).toEqual([BLOCK_BYTES, ...Array<number>(16).fill(64 * 1024)]);
  });
});

it('a session holds a bounded part of the pool while the disk is slow', async () => {
  // On a busy machine, the sender would count as slow.
  vi.useFakeTimers({ toFake: ['performance'] });
  const { takeNext, hold, finishOne, pool } = open(14);
  hold();
  let taken = 0;
  const taking = (async () => {
    for (; taken < 14; taken++) await takeNext(taken);
  })();
  await new Promise(setImmediate);
  expect(taken).toBe(8);
  finishOne();
  await new Promise(setImmediate);
  expect(taken).toBe(9);
  expect(pool.take()).toBeDefined();
  for (let left = 0; left < 14; left++) {
    finishOne();
    await new Promise(setImmediate);
  }
  await taking;
});

it('nothing is kept of a file that was given up while its block arrived', async () => {
  const disk = createSlowPart();
  const file = createIncomingFile(disk.part, content.length, () => undefined);
  const pool = createBlockPool(1);
  const intake = new BlockIntake(createContentChannel(content), pool, createReceiverWatch());
  expect(await intake.take(headOf(content, 0), file, () => false)).toBeUndefined();
  expect(disk.lengths).toEqual([]);
  const block = pool.take();
  expect(block).toBeDefined();
  expect(await intake.take(headOf(content, BLOCK_BYTES), file, () => false)).toBeUndefined();
  expect(disk.lengths).toEqual([]);
});
