import { appendFile, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countFromStart, openJournal, readJournal } from '../../../src/storage/disk/block-journal.js';
import { tempDir } from '../../support/folders.js';

async function journalIn(dir: string, binding = 'offer', path = join(dir, 'journal')) {
  return { journal: await openJournal(path, binding), path };
}

async function write(dir: string, digests: [number, bigint][], binding = 'offer'): Promise<string> {
  const { journal, path } = await journalIn(dir, binding);
  await journal.append(digests);
  await journal.close();
  return path;
}

async function readKnown(dir: string, binding = 'offer'): Promise<Record<string, bigint>> {
  const { journal } = await journalIn(dir, binding);
  await journal.close();
  return Object.fromEntries(journal.known);
}

describe('a journal', () => {
  it('knows what was appended, in any order, over several times', async () => {
    const dir = await tempDir();
    await write(dir, [
      [1, 11n],
      [0, 10n],
    ]);
    await write(dir, [[2, 2n ** 64n - 1n]]);
    expect(await readKnown(dir)).toEqual({ 0: 10n, 1: 11n, 2: 2n ** 64n - 1n });
  });

  it('knows the last of several records, and none that was forgotten', async () => {
    const dir = await tempDir();
    const { journal } = await journalIn(dir);
    await journal.append([
      [0, 1n],
      [1, 2n],
    ]);
    await journal.forget([1]);
    await journal.append([[0, 3n]]);
    await journal.close();
    expect(await readKnown(dir)).toEqual({ 0: 3n });
  });

  it('begins anew for another binding', async () => {
    const dir = await tempDir();
    await write(dir, [[0, 1n]]);
    expect(await readKnown(dir, 'another offer')).toEqual({});
    expect(await readKnown(dir)).toEqual({});
  });

  it('leaves a torn record out at every length, and goes on behind the whole ones', async () => {
    const dir = await tempDir();
    const path = await write(dir, [
      [0, 1n],
      [1, 2n],
    ]);
    const { size } = await stat(path);
    for (let length = size - 1; length > size - 24; length--) {
      await truncate(path, length);
      expect(await readKnown(dir), `${length} bytes`).toEqual({ 0: 1n });
      await write(dir, [[1, 2n]]);
      expect(await readKnown(dir)).toEqual({ 0: 1n, 1: 2n });
    }
  });

  it('trusts nothing from the first damaged record on', async () => {
    const dir = await tempDir();
    const path = await write(dir, [
      [0, 1n],
      [1, 2n],
      [2, 3n],
    ]);
    const content = await readFile(path);
    for (let at = content.length - 48; at < content.length - 24; at++) {
      const damaged = Buffer.from(content);
      damaged[at]! ^= 1;
      await writeFile(path, damaged);
      expect(await readKnown(dir), `byte ${at}`).toEqual({ 0: 1n });
    }
  });

  it('is gone when it is removed', async () => {
    const { journal, path } = await journalIn(await tempDir());
    await journal.discard();
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });
});

describe('readJournal', () => {
  it('tells the binding and how far the journal reaches without a gap', async () => {
    const path = await write(
      await tempDir(),
      [
        [0, 1n],
        [1, 2n],
        [3, 4n],
      ],
      'the "offer"\n',
    );
    expect(await readJournal(path)).toEqual({ binding: 'the "offer"\n', blocks: 2 });
  });

  it.each(['', 'no json\n', '42\n', '{"x":1}\n'])('knows that %j is none', async (text) => {
    const path = join(await tempDir(), 'journal');
    await appendFile(path, text);
    expect(await readJournal(path)).toBeUndefined();
  });
});

it('countFromStart stops at the first gap', () => {
  expect(countFromStart(new Map([[1, 1n]]))).toBe(0);
  expect(
    countFromStart(
      new Map([
        [1, 1n],
        [0, 1n],
        [3, 1n],
      ]),
    ),
  ).toBe(2);
});

it('a journal loses nothing of what is written to it at the same time', async () => {
  const dir = await tempDir();
  await write(
    dir,
    Array.from({ length: 10 }, (_, block): [number, bigint] => [block, 1n]),
  );
  const { journal } = await journalIn(dir);
  await Promise.all([journal.forget([0]), journal.append([[20, 2n]]), journal.forget([1, 2])]);
  await journal.close();
  const known = await readKnown(dir);
  expect(Object.keys(known)).toEqual(['3', '4', '5', '6', '7', '8', '9', '20']);
});

it('a journal that is cleared knows nothing, and goes on', async () => {
  const dir = await tempDir();
  await write(dir, [
    [0, 1n],
    [1, 2n],
  ]);
  const { journal } = await journalIn(dir);
  await journal.clear();
  expect(journal.known.size).toBe(0);
  await journal.append([[5, 6n]]);
  await journal.close();
  expect(await readKnown(dir)).toEqual({ 5: 6n });
});
