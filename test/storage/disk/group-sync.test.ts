import { beforeEach, expect, it, vi } from 'vitest';
import type { FileSystemSync } from '../../../src/storage/disk/file-system-sync.js';
import { GroupSync } from '../../../src/storage/disk/group-sync.js';

interface Call {
  readonly end: () => void;
  readonly fail: (error: Error) => void;
}

/** Calls that a test ends when it likes. */
function createCalls() {
  const calls: Call[] = [];
  return {
    calls,
    run: () => new Promise<void>((resolve, reject) => calls.push({ end: resolve, fail: reject })),
  };
}

type Calls = ReturnType<typeof createCalls>;

interface File {
  readonly single: Calls;
  state: 'waiting' | 'durable' | Error;
}

let all: Calls;
let isAvailable: boolean;
let group: GroupSync;
let isClosed: boolean;
let isLeft: boolean;
const fileSystem: FileSystemSync = {
  sync: () => all.run(),
  isAvailable: () => isAvailable,
  close: () => (isClosed = true),
};

beforeEach(() => {
  all = createCalls();
  isAvailable = true;
  isClosed = isLeft = false;
  group = new GroupSync(fileSystem, () => (isLeft = true));
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

/** Files that were written and are to be durable. */
function addFiles(count: number, member = () => group.join()): File[] {
  return Array.from({ length: count }, () => {
    const file: File = { single: createCalls(), state: 'waiting' };
    member()
      .sync(file.single.run)
      .then(
        () => (file.state = 'durable'),
        (error: unknown) => (file.state = error as Error),
      );
    return file;
  });
}

const settle = () => vi.advanceTimersByTimeAsync(0);
const singles = (files: readonly File[]) => files.map(({ single }) => single.calls.length);
const states = (files: readonly File[]) => files.map(({ state }) => state);

it('syncs a few files by themselves, four at a time', async () => {
  const files = addFiles(6);
  expect(singles(files)).toEqual([1, 1, 1, 1, 0, 0]);
  files[1]!.single.calls[0]!.end();
  await settle();
  expect(singles(files)).toEqual([1, 1, 1, 1, 1, 0]);
  expect(states(files).filter((state) => state === 'durable')).toEqual(['durable']);
  expect(all.calls).toHaveLength(0);
});

it('syncs the file system for many that wait, and says so only when that is over', async () => {
  const files = addFiles(40);
  expect(all.calls).toHaveLength(1);
  const [shared] = [files.filter(({ single }) => single.calls.length === 0)];
  expect(states(shared)).not.toContain('durable');
  all.calls[0]!.end();
  await settle();
  expect(states(files).filter((state) => state === 'durable').length).toBeGreaterThan(8);
});

it('does not take along a file that comes while the file system is being synced', async () => {
  addFiles(13);
  expect(all.calls).toHaveLength(1);
  const late = addFiles(30);
  all.calls[0]!.end();
  await settle();
  expect(states(late)).not.toContain('durable');
  expect(all.calls).toHaveLength(2);
});

it('syncs each file by itself once a sync of the file system has failed, also those that were being written meanwhile', async () => {
  const written = group.join();
  const files = addFiles(13);
  const later = addFiles(20);
  all.calls[0]!.fail(new Error('EIO'));
  await settle();
  for (let round = 0; round < 40; round++) {
    await vi.advanceTimersByTimeAsync(4);
    for (const { single } of [...files, ...later]) single.calls[0]?.end();
    await settle();
  }
  expect(singles([...files, ...later])).toEqual(Array.from({ length: 33 }, () => 1));
  expect(states([...files, ...later])).not.toContain('waiting');
  const others = addFiles(20);
  expect(all.calls).toHaveLength(2);
  const own = addFiles(1, () => written);
  others[0]!.single.calls[0]!.end();
  await settle();
  expect(singles(own)).toEqual([1]);
  all.calls[1]!.end();
  await settle();
  expect(states(own)).toEqual(['waiting']);
});

it('tells of a file that cannot be synced by itself either', async () => {
  const files = addFiles(13);
  all.calls[0]!.fail(new Error('EIO'));
  await settle();
  for (let round = 0; round < 20; round++) {
    for (const [index, { single }] of files.entries())
      if (index === 9) single.calls[0]?.fail(new Error('EIO of the ninth'));
      else single.calls[0]?.end();
    await settle();
  }
  expect(states(files)).toEqual(files.map((_, index) => (index === 9 ? new Error('EIO of the ninth') : 'durable')));
});

it('syncs files by themselves beside a sync of the file system that takes long', async () => {
  const files = addFiles(13);
  const waiting = files.filter(({ single }) => single.calls.length === 0);
  for (const { single } of files) single.calls[0]?.end();
  await vi.advanceTimersByTimeAsync(1000);
  expect(singles(waiting).filter((count) => count === 1)).toHaveLength(4);
  waiting[0]!.single.calls[0]!.end();
  await settle();
  expect(waiting[0]!.state).toBe('durable');
  all.calls[0]!.end();
  await settle();
  expect(states(waiting)).not.toContain('waiting');
});

it('leaves a file system that takes longer than its files, until it was not measured for long', async () => {
  addFiles(13);
  await vi.advanceTimersByTimeAsync(900);
  all.calls[0]!.end();
  await settle();
  const files: File[] = [];
  for (let round = 0; all.calls.length === 1 && round < 2000; round++) {
    files.push(...addFiles(20));
    for (const { single } of files.splice(0, files.length - 16)) single.calls[0]?.end();
    await vi.advanceTimersByTimeAsync(1);
    if (round === 0) expect(all.calls).toHaveLength(1);
  }
  expect(all.calls).toHaveLength(2);
});

it('syncs each file by itself where there is no helper', () => {
  isAvailable = false;
  const files = addFiles(40);
  expect(all.calls).toHaveLength(0);
  expect(singles(files).filter((count) => count === 1)).toHaveLength(4);
});

it('leaves the disk once no file has needed it for a while', async () => {
  const members = [group.join(), group.join()];
  members[0]!.leave();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([isClosed, isLeft]).toEqual([false, false]);
  members[1]!.leave();
  await vi.advanceTimersByTimeAsync(100);
  const next = group.join();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([isClosed, isLeft]).toEqual([false, false]);
  next.leave();
  await vi.advanceTimersByTimeAsync(10_000);
  expect([isClosed, isLeft]).toEqual([true, true]);
});

it('counts many files that are waited for as one caller', async () => {
  const single = createCalls();
  let isDurable = false;
  void group
    .join()
    .sync(single.run, 9)
    .then(() => (isDurable = true));
  expect([all.calls.length, single.calls.length]).toEqual([1, 0]);
  all.calls[0]!.end();
  await settle();
  expect(isDurable).toBe(true);
});

it('syncs by themselves also the files that come while a sync of the file system does not end', async () => {
  const first = addFiles(13);
  const later = addFiles(2);
  await vi.advanceTimersByTimeAsync(1000);
  const last = addFiles(2);
  for (let round = 0; round < 20; round++) {
    for (const { single } of [...first, ...later, ...last]) single.calls[0]?.end();
    await settle();
  }
  expect(states([...first, ...later, ...last])).not.toContain('waiting');
  expect(all.calls).toHaveLength(1);
});
