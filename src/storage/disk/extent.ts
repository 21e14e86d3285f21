/**
 * Leaves zeros out of a file that is being written. A file system gives the bytes between the end of a file and a later
 * write no room, and reads them as zeros. So only pages beyond everything that was written before are left out.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Common file systems give room by the page. */
const PAGE_BYTES = 4096;
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

/** Bytes for one place of a file. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

/** How far a file reaches once everything that was taken is in it. Take what is to be written in the order of the calls. */
export interface Extent {
  /** Takes a block for a byte offset. Returns the pieces that have to be written; undefined if that is the block as it is. */
  take(block: Uint8Array, offset: number): readonly Piece[] | undefined;
  /** Takes `length` zeros for a byte offset. Returns how many of them, from the first on, have to be written. */
  takeZeros(length: number, offset: number): number;
  /** Returns the length that the file needs because zeros at its end were left out, once; undefined if they were not. */
  takeGap(): number | undefined;
}

/** `bytes`: the length of the file as an earlier session has left it. */
export function createExtent(bytes: number): Extent {
  /** The end of what was taken. No write that was taken, nor one that is under way, goes beyond. */
  let end = bytes;
  /** The end of what is written, or will be without a takeGap(). */
  let reached = bytes;

  return {
    take(block, offset) {
      const pieces = offset < end ? undefined : findPieces(block, offset);
      const last = pieces ? pieces.at(-1) : { bytes: block, offset };
      end = Math.max(end, offset + block.length);
      if (last) reached = Math.max(reached, last.offset + last.bytes.length);
      return pieces;
    },
    takeZeros(length, offset) {
      const written = Math.max(0, Math.min(length, end - offset));
      end = Math.max(end, offset + length);
      return written;
    },
    takeGap() {
      if (reached >= end) return undefined;
      reached = end;
      return end;
    },
  };
}

/** Bytes of a block for this byte offset that have to be written where nothing was written before. */
export function measureContent(block: Uint8Array, offset: number): number {
  return findPieces(block, offset)?.reduce((sum, { bytes }) => sum + bytes.length, 0) ?? block.length;
}

/** Cuts the pages of zeros out of a block. Undefined if it has none. */
function findPieces(block: Uint8Array, offset: number): Piece[] | undefined {
  let pieces: Piece[] | undefined;
  let begin = 0;
  const add = (end: number): void => {
    if (end > begin) pieces?.push({ bytes: block.subarray(begin, end), offset: offset + begin });
  };
  const first = (PAGE_BYTES - (offset % PAGE_BYTES)) % PAGE_BYTES;
  for (let at = first; at + PAGE_BYTES <= block.length; at += PAGE_BYTES) {
    // Nearly every page that is not of zeros shows it in its first byte, so that only that one is looked at.
    if (block[at] !== 0 || ZERO_PAGE.compare(block, at, at + PAGE_BYTES) !== 0) continue;
    pieces ??= [];
    add(at);
    begin = at + PAGE_BYTES;
  }
  add(block.length);
  return pieces;
}

/** Cuts off what the file at `path` holds beyond `bytes`. Resolves with its length, which is more where no file can be shortened. */
export async function cutTail(path: string, bytes: number): Promise<number> {
  const handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const { size } = await handle.stat();
    if (size <= bytes) return size;
    return await handle.truncate(bytes).then(
      () => bytes,
      () => size,
    );
  } finally {
    await handle.close();
  }
}
