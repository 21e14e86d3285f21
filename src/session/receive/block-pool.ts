/** The memory blocks arrive in: one bounded pool for all sessions of a receiver. */
import { BLOCK_BYTES } from '../../core/entry.js';

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
  /** A block of 1 MiB, or undefined while all are in use. */
  take(): Lease | undefined;
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
  // The last one given back is the next one used: blocks that are not needed stay untouched.
  const free = Array.from({ length: blocks }, (_, index) => new Uint8Array(buffer, index * BLOCK_BYTES, BLOCK_BYTES));
  return {
    take() {
      const bytes = free.pop();
      return bytes && { bytes, release: () => void free.push(bytes) };
    },
  };
}
