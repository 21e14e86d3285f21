/** The blocks of a run of zeros: PROTOCOL.md section 5, zeros. */
import { BLOCK_BYTES } from '../../core/entry.js';
import { digestZeros } from '../../core/zeros.js';
import type { BlockMap, BlockPlace } from './block-map.js';

/** `digest` is that of its zeros, so that the digest of the file covers the run. */
export interface ZeroBlock extends BlockPlace {
  readonly digest: bigint;
}

/** Notes each block of a run in the map. Throws FtxError `protocol` unless each of them may come now. */
export function noteZeros(map: BlockMap, run: BlockPlace): readonly ZeroBlock[] {
  const blocks = cutRun(run);
  for (const block of blocks) {
    map.assertDue(block, block.digest);
    map.note({ ...block, intact: true });
  }
  return blocks;
}

function cutRun({ offset, length }: BlockPlace): ZeroBlock[] {
  return Array.from({ length: Math.ceil(length / BLOCK_BYTES) }, (_, number) => {
    const done = number * BLOCK_BYTES;
    const bytes = Math.min(BLOCK_BYTES, length - done);
    return { offset: offset + done, length: bytes, digest: digestZeros(bytes) };
  });
}
