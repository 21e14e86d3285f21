/** Decides by a proof whether the sender has the content of a file that is there: PROTOCOL.md section 5, ready. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { FtxError } from '../../core/errors.js';
import type { PresentFile } from '../../core/sink.js';
import { createTurns } from '../../core/turns.js';

/** Process-wide: files that are read for a proof at the same time. What arrives needs the disk more than what is compared. */
const readings = createTurns(2);

/**
 * Whether `proof` is the SHA-256, in hex, of the nonce and the content of the file. False too when another file took
 * its place meanwhile. `bringer` takes turns with others. Calls `onBlock` before each block; what `onBlock` throws ends
 * the reading.
 */
export function isProven(
  present: PresentFile,
  { nonce, proof, bringer }: { readonly nonce: Uint8Array; readonly proof: string; readonly bringer: string },
  onBlock: () => void,
): Promise<boolean> {
  return readings.run(bringer, async () => {
    const hash = createHash('sha256').update(nonce);
    try {
      for await (const block of present.blocks()) {
        onBlock();
        hash.update(block);
      }
    } catch (error) {
      if (error instanceof FtxError && error.code === 'changed') return false;
      throw error;
    }
    return timingSafeEqual(hash.digest(), Buffer.from(proof, 'hex'));
  });
}
