import { randomFillSync } from 'node:crypto';
import { BLOCK_BYTES } from '../../../src/core/entry.js';
import type { Source } from '../../../src/core/source.js';

const block = randomFillSync(Buffer.alloc(BLOCK_BYTES));

/** A file that is the same block over and over, and costs its sender neither disk nor memory. */
export function memorySource(path: string, size: number): Source {
  const entry = { path, kind: 'file', size, mtimeNs: 1_700_000_000_000_000_000n, mode: 0o644 } as const;
  return { entry, blocks: (from) => repeat(size - from) };
}

async function* repeat(bytes: number): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; left -= BLOCK_BYTES) {
    yield await Promise.resolve(block.subarray(0, left));
  }
}

export async function* only<T>(value: T): AsyncGenerator<T> {
  yield await Promise.resolve(value);
}
