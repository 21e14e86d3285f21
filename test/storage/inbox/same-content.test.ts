/** What has arrived is compared with the files that are there: in turn with others, and not for a stranger that has left. */
import { fstatSync } from 'node:fs';
import { mkdir, open, truncate, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { FtxError } from '../../../src/core/errors.js';
import { DURABLE } from '../../../src/storage/disk/durability.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import type { Place } from '../../../src/storage/inbox/place.js';
import { findSameContent, type SameFile } from '../../../src/storage/inbox/same-content.js';
import { expectPart, offerFile } from '../../contract/sink.contract.js';
import { readNames, tempDir } from '../../support/folders.js';

/** Comparisons at the same time, and the bytes of each before it is the turn of another. */
const AT_ONCE = 4;
const TURN_BYTES = 16 * 1024 * 1024;

/** Compares a part with a file x of the same zeros. */
async function compare(folder: string, size: number, signal?: AbortSignal): Promise<SameFile | undefined> {
  await mkdir(folder);
  for (const name of ['x', 'part']) {
    await writeFile(join(folder, name), '');
    await truncate(join(folder, name), size);
  }
  const place = { path: { name: 'x' }, folder, durability: DURABLE } as unknown as Place;
  return findSameContent(join(folder, 'part'), place, { isNumbered: false, signal });
}

/** `onRead` is told of each read, and may delay it. */
async function watchReads(onRead: (size: number, position: number) => Promise<void> | void): Promise<void> {
  const probe = await open('/dev/null');
  await probe.close();
  const handles = Object.getPrototypeOf(probe) as FileHandle;
  const read = Reflect.get(handles, 'read') as (...args: unknown[]) => Promise<unknown>;
  vi.spyOn(handles, 'read').mockImplementation(async function (this: FileHandle, ...args: unknown[]) {
    await onRead(fstatSync(this.fd).size, Number(args[3]));
    return (await read.apply(this, args)) as never;
  });
  onTestFinished(() => void vi.restoreAllMocks());
}

it('a small file is compared although as many large files as may be compared at once are begun', async () => {
  const dir = await tempDir();
  const order: string[] = [];
  let begun = 0;
  let goOn: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  let tellFull: () => void = () => undefined;
  const full = new Promise<void>((resolve) => (tellFull = resolve));
  await watchReads((size, position) => {
    if (size === 1 || position >= TURN_BYTES) order.push(size === 1 ? 'small' : 'large goes on');
    if (position > 0 || size === 1) return undefined;
    // Each comparison reads two files.
    if ((begun += 1) === 2 * AT_ONCE) tellFull();
    return gate;
  });
  const large = Array.from({ length: AT_ONCE }, (_, n) => compare(join(dir, `${n}`), TURN_BYTES + 1));
  await full;
  // A comparison looks at its signal, and then waits for its turn.
  const atTheDoor = {
    get aborted() {
      goOn();
      return false;
    },
  } as AbortSignal;
  const small = compare(join(dir, 'small'), 1, atTheDoor);
  for (const same of await Promise.all([small, ...large])) expect(same).toMatchObject({ name: 'x' });
  expect(order.slice(0, 3)).toEqual(['small', 'small', 'large goes on']);
});

it('a large file is not compared to its end when the session is over', async () => {
  const over = new AbortController();
  let last = 0;
  await watchReads((_, position) => {
    last = Math.max(last, position);
    over.abort(new FtxError('lost', 'over'));
  });
  await expect(compare(join(await tempDir(), 'large'), 3 * TURN_BYTES, over.signal)).rejects.toThrow('over');
  expect(last).toBeLessThan(TURN_BYTES);
});

it.each([
  ['is given up for a stranger', false, new FtxError('lost', 'over')],
  ['goes on for a known sender', true, { as: 'x', already: true }],
])('the comparison of a whole file %s whose session is over', async (_, isKnown, outcome) => {
  const dir = await tempDir();
  const over = new AbortController();
  const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, isKnown });
  const part = expectPart(await sink.open(offerFile('x', 4), undefined, over.signal));
  await part.write(Buffer.from('data'), 0);
  // A file of the same content gets the name meanwhile.
  await writeFile(join(dir, 'x'), 'data');
  over.abort(new FtxError('lost', 'over'));
  expect(await part.commit(4).catch((error: unknown) => error)).toEqual(outcome);
  expect(await readNames(dir)).toEqual(['x']);
});

it('a file that turned out to be different is not read again', async () => {
  const dir = await tempDir();
  for (const [name, content] of Object.entries({ x: 'else', 'x (1)': 'more', part: 'data' }))
    await writeFile(join(dir, name), content);
  const place = { path: { name: 'x' }, folder: dir, durability: DURABLE } as unknown as Place;
  const search = { isNumbered: true, different: new Set<string>() };
  let reads = 0;
  await watchReads(() => void (reads += 1));
  expect(await findSameContent(join(dir, 'part'), place, search)).toBeUndefined();
  expect(reads).toBeGreaterThan(0);
  reads = 0;
  expect(await findSameContent(join(dir, 'part'), place, search)).toBeUndefined();
  expect(reads).toBe(0);
  await writeFile(join(dir, 'x (2)'), 'data');
  expect(await findSameContent(join(dir, 'part'), place, search)).toMatchObject({ name: 'x (2)' });
});
