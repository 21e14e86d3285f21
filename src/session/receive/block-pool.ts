/** The memory in which blocks arrive: one bounded pool for all sessions of a receiver. */
import { BLOCK_BYTES } from '../../core/entry.js';

const WASM_PAGE_BYTES = 64 * 1024;
/** Declared here because the types of Node 20 lack it. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

/** Memory that is lent until release() is called. */
export interface Lease {
  readonly bytes: Uint8Array;
  release(): void;
}

export interface BlockPool {
  /** A block of 1 MiB, or undefined while all are in use. */
  take(): Lease | undefined;
}

/**
 * A pool of `blocks` blocks of 1 MiB. Writing past the page cache needs
 * page-aligned memory, and a WebAssembly.Memory is what Node has of that kind.
 * The system provides its pages when they are first touched.
 */
export function createBlockPool(blocks: number): BlockPool {
  const pages = (blocks * BLOCK_BYTES) / WASM_PAGE_BYTES;
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  // The block that was released last is lent next, so that blocks that are not needed stay untouched.
  const free = Array.from({ length: blocks }, (_, index) => new Uint8Array(buffer, index * BLOCK_BYTES, BLOCK_BYTES));
  return {
    take() {
      const bytes = free.pop();
      return bytes && { bytes, release: () => void free.push(bytes) };
    },
  };
}
