import type { FileHandle } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createWriteRuns } from '../../../src/storage/disk/write-runs.js';

const BLOCK = 8;

interface Written {
  readonly at: number;
  readonly lengths: readonly number[];
  /** Ends the write; it takes this many bytes, or all. */
  finish(bytes?: number): void;
  fail(reason: Error): void;
}

/** A file whose writes end when the test says so. */
function openFile() {
  const written: Written[] = [];
  const write = (blocks: readonly Uint8Array[], at: number) =>
    new Promise<{ bytesWritten: number }>((resolve, reject) => {
      const lengths = blocks.map(({ length }) => length);
      const all = lengths.reduce((sum, length) => sum + length, 0);
      written.push({ at, lengths, finish: (bytes = all) => resolve({ bytesWritten: bytes }), fail: reject });
    });
  const handle = {
    write: (block: Uint8Array, from: number, length: number, at: number) =>
      write([block.subarray(from, from + length)], at),
    writev: write,
  };
  const runs = createWriteRuns(handle as unknown as FileHandle);
  const outcome = (offset: number) =>
    runs.write(new Uint8Array(BLOCK), offset).then(
      () => 'written',
      (error: unknown) => (error as Error).message,
    );
  return { written, outcome, shown: () => written.map(({ at, lengths }) => [at, lengths.length]) };
}

const turn = () => new Promise(setImmediate);

describe('write runs', () => {
  it('write blocks that had to wait together with their neighbours, four at most', async () => {
    const { written, outcome, shown } = openFile();
    const outcomes = Array.from({ length: 8 }, (_, block) => outcome(block * BLOCK));
    await turn();
    expect(shown()).toEqual([
      [0, 1],
      [8, 1],
    ]);
    for (let next = 0; next < 4; next++) {
      written[next]!.finish();
      await turn();
    }
    expect(shown()).toEqual([
      [0, 1],
      [8, 1],
      [16, 4],
      [48, 2],
    ]);
    expect(await Promise.all(outcomes)).toEqual(Array(8).fill('written'));
  });

  it('write what is no neighbour by itself', async () => {
    const { written, outcome, shown } = openFile();
    const outcomes = [0, 8, 16, 32, 40, 24].map(outcome);
    await turn();
    for (let next = 0; next < 5; next++) {
      written[next]!.finish();
      await turn();
    }
    expect(shown()).toEqual([
      [0, 1],
      [8, 1],
      [16, 1],
      [32, 2],
      [24, 1],
    ]);
    expect(await Promise.all(outcomes)).toEqual(Array(6).fill('written'));
  });

  /** Four blocks from offset 16 on in one write, which is number 2. */
  async function startRun() {
    const file = openFile();
    const before = [file.outcome(0), file.outcome(8)];
    const run = [16, 24, 32, 40].map(file.outcome);
    await turn();
    file.written[0]!.finish();
    await turn();
    expect(file.shown().at(-1)).toEqual([16, 4]);
    return { ...file, run: Promise.all(run), before };
  }

  it('write the rest of what was not taken whole', async () => {
    const { written, run } = await startRun();
    written[2]!.finish(13);
    await turn();
    expect([written[3]!.at, written[3]!.lengths]).toEqual([29, [3]]);
    written[3]!.finish();
    await turn();
    expect([written[4]!.at, written[4]!.lengths]).toEqual([32, [8]]);
    written[4]!.finish();
    await turn();
    written[5]!.finish();
    expect(await run).toEqual(Array(4).fill('written'));
  });

  it('fail all blocks of a run when the rest is refused, and no others', async () => {
    const { written, run, before, outcome } = await startRun();
    written[2]!.finish(BLOCK);
    await turn();
    written[3]!.fail(new Error('full'));
    expect(await run).toEqual(Array(4).fill('full'));
    written[1]!.finish();
    expect(await Promise.all(before)).toEqual(['written', 'written']);
    const later = outcome(48);
    await turn();
    written[4]!.finish();
    expect(await later).toBe('written');
  });
});
