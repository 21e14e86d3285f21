import { EventEmitter } from 'node:events';
import { closeSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createFileThread } from '../../../src/storage/disk/file-thread.js';
import { WORKS } from '../../../src/storage/disk/file-work.js';
import { readNames, tempDir } from '../../support/folders.js';

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

function start(isReady = true) {
  const fake = new FakeThread();
  const thread = createFileThread(() => {
    if (isReady) queueMicrotask(() => fake.emit('message', 'ready'));
    return fake as unknown as Worker;
  });
  return { fake, thread };
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

  it('that ends has the works that wait done here, and all later ones, but does not do again what was under way', async () => {
    const { fake, thread } = start();
    const dir = await tempDir();
    const file = (name: string) => ({
      folder: 0,
      name,
      part: `${name}.part`,
      mode: 0o600,
      mtimeNs: 0n,
      begin: 0,
      end: 1,
    });
    const write = (...names: string[]) =>
      thread.run('write', { folders: [dir], files: names.map(file), content: Buffer.from('x') });
    const [underWay, waiting] = [write('a', 'b'), write('c')];
    await Promise.resolve();
    fake.emit('error', new Error('out of memory'));
    expect(await underWay).toEqual([undefined, undefined]);
    const later = await write('d');
    for (const fd of [...(await waiting), ...later]) closeSync(fd!);
    expect(await readNames(dir)).toEqual(['c.part', 'd.part']);
    expect(fake.orders).toHaveLength(2);
  });

  it('that ends before it has begun has all works done here', async () => {
    const { fake, thread } = start(false);
    const works = [thread.run('announce', missing(1)), thread.run('announce', missing(2))];
    vi.spyOn(WORKS, 'announce').mockImplementation(({ files }) => files.map(() => ({ mtimeNs: 1n, ctimeNs: 1n })));
    onTestFinished(() => void vi.restoreAllMocks());
    fake.emit('error', new Error('the file is missing'));
    expect((await Promise.all(works)).flat()).toHaveLength(3);
    expect((await works[0])![0]).toEqual({ mtimeNs: 1n, ctimeNs: 1n });
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
