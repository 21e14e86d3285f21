import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { createFileThread } from '../../../src/storage/disk/file-thread.js';
import { WORKS } from '../../../src/storage/disk/file-work.js';

/** A thread that answers when the test likes. */
class FakeThread extends EventEmitter {
  readonly orders: { work: keyof typeof WORKS; order: never }[] = [];
  isHolding = false;

  postMessage(order: (typeof this.orders)[number]): void {
    this.orders.push(order);
  }

  ref(): void {
    this.isHolding = true;
  }

  unref(): void {
    this.isHolding = false;
  }

  answer(): void {
    const { work, order } = this.orders.shift()!;
    this.emit('message', WORKS[work](order));
  }
}

function start() {
  const fake = new FakeThread();
  return { fake, thread: createFileThread(() => fake as unknown as Worker) };
}

const NOTHING = { folders: [], files: [] };
/** Nothing can be announced there. */
const missing = (count: number) => ({
  folders: ['/nowhere'],
  files: Array.from({ length: count }, () => ({ folder: 0, name: 'x', ino: 0n, dev: 0n })),
});

describe('a thread for file work', () => {
  it('gets the works in order, and keeps the process from leaving only while one is under way', async () => {
    const { fake, thread } = start();
    const answers = [thread.run('announce', missing(1)), thread.run('announce', missing(2))];
    expect(fake.orders.map(({ work }) => work)).toEqual(['announce', 'announce']);
    fake.answer();
    expect(await answers[0]).toEqual([undefined]);
    expect(fake.isHolding).toBe(true);
    fake.answer();
    expect(await answers[1]).toEqual([undefined, undefined]);
    expect(fake.isHolding).toBe(false);
  });

  it('that ends has its works done here, and all later ones', async () => {
    const { fake, thread } = start();
    const first = thread.run('announce', missing(1));
    fake.emit('error', new Error('out of memory'));
    expect(await first).toEqual([undefined]);
    expect(await thread.run('announce', missing(3))).toEqual([undefined, undefined, undefined]);
    expect(fake.orders).toHaveLength(1);
  });

  it('that cannot be started has them done here', async () => {
    const failing = vi.fn(() => {
      throw new Error('no threads');
    });
    const thread = createFileThread(failing);
    expect(await thread.run('announce', missing(1))).toEqual([undefined]);
    expect(await thread.run('write', { ...NOTHING, content: new Uint8Array(0) })).toEqual([]);
    expect(failing).toHaveBeenCalledOnce();
  });

  it('is prompt unless its oldest work takes five seconds', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const { fake, thread } = start();
      expect(thread.isPrompt()).toBe(true);
      const works = [thread.run('announce', missing(1)), thread.run('announce', missing(1))];
      vi.advanceTimersByTime(4_999);
      expect(thread.isPrompt()).toBe(true);
      vi.advanceTimersByTime(1);
      expect(thread.isPrompt()).toBe(false);
      fake.answer();
      fake.answer();
      await Promise.all(works);
      expect(thread.isPrompt()).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});
