/** The memory blocks arrive in: one bounded pool for all sessions of a receiver. */
import { BLOCK_BYTES } from '../ports.js';

/** Smaller blocks get memory of their own: a pooled megabyte would be wasted on them. */
const SMALL_BYTES = 64 * 1024;

const WASM_PAGE_BYTES = 64 * 1024;
/** Node has it; the types of Node 20 do not. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

export interface Lease {
  readonly bytes: Uint8Array;
  release(): void;
}

export interface BlockPool {
  /** Memory for `length` bytes, at most BLOCK_BYTES; waits in line while all is in use. */
  acquire(length: number): Promise<Lease>;
}

/**
 * A pool of at most `blocks` blocks of 1 MiB. They are slices of one
 * WebAssembly.Memory, because that is the page-aligned memory that Node has,
 * which writing past the page cache needs; the system provides its pages when
 * they are first touched.
 */
export function createBlockPool(blocks: number): BlockPool {
  const pages = (blocks * BLOCK_BYTES) / WASM_PAGE_BYTES;
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const free: Uint8Array[] = [];
  const waiting: ((block: Uint8Array) => void)[] = [];
  let made = 0;

  function take(): Promise<Uint8Array> {
    const block = free.pop();
    if (block) return Promise.resolve(block);
    if (made === blocks) return new Promise((resolve) => waiting.push(resolve));
    made += 1;
    return Promise.resolve(new Uint8Array(buffer, (made - 1) * BLOCK_BYTES, BLOCK_BYTES));
  }

  function giveBack(block: Uint8Array): void {
    const next = waiting.shift();
    if (next) next(block);
    else free.push(block);
  }

  return {
    async acquire(length) {
      if (length <= SMALL_BYTES) return { bytes: Buffer.allocUnsafe(length), release: () => undefined };
      const block = await take();
      return { bytes: block.subarray(0, length), release: () => giveBack(block) };
    },
  };
}
