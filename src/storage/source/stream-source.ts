/** A stream as a Source. */
import type { Readable } from 'node:stream';
import { FtxError, nameFailure } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import type { Source } from '../../core/source.js';
import { showPath } from '../disk/disk-error.js';
import { readAhead, RING, type ReadBlock } from '../disk/read-ahead.js';

/**
 * Makes the Source of a stream, such as standard input. The length of a stream is known only at its end. The stream can
 * be read once: a second reading throws FtxError `unsupported`. A consumer that leaves early destroys it. A stream without
 * content throws FtxError `unreadable` unless `mayBeEmpty`.
 */
export function streamSource(readable: Readable, name: string, mayBeEmpty = true): Source {
  let used = false;
  const entry = {
    path: name,
    kind: 'file',
    size: null,
    mtimeNs: BigInt(Date.now()) * 1_000_000n,
    mode: null,
  } as const;
  return {
    entry,
    blocks(from) {
      if (used || from !== 0) throw new FtxError('unsupported', `${showPath(name)}: a stream can be read only once.`);
      used = true;
      return readAhead(gatherBlocks(readable, name, mayBeEmpty), () => readable.destroy());
    },
  };
}

/** Joins pieces of any length into full blocks. Throws FtxError `io` when the stream fails. */
function gatherBlocks(readable: Readable, name: string, mayBeEmpty: boolean): ReadBlock {
  const pieces = readable[Symbol.asyncIterator]() as AsyncIterator<Uint8Array | string, undefined>;
  const buffers: Buffer[] = [];
  let rest: Uint8Array = new Uint8Array();

  async function readPiece(): Promise<Uint8Array | undefined> {
    try {
      const { value } = await pieces.next();
      return typeof value === 'string' ? Buffer.from(value) : value;
    } catch (error) {
      throw new FtxError('io', `${showPath(name)}: the stream cannot be read (${nameFailure(error)}).`, {
        cause: error,
      });
    }
  }

  return async (number) => {
    const buffer = (buffers[number % RING] ??= Buffer.allocUnsafeSlow(BLOCK_BYTES));
    let length = 0;
    while (length < BLOCK_BYTES) {
      const piece = rest.length > 0 ? rest : await readPiece();
      if (piece === undefined) break;
      const taken = piece.subarray(0, BLOCK_BYTES - length);
      buffer.set(taken, length);
      length += taken.length;
      rest = piece.subarray(taken.length);
    }
    if (length === 0 && number === 0 && !mayBeEmpty) throw emptyError(name);
    return length === 0 ? undefined : buffer.subarray(0, length);
  };
}

function emptyError(name: string): FtxError {
  const advice = 'The program that should give it may have failed. To send an empty file, use --allow-empty.';
  return new FtxError('unreadable', `${showPath(name)}: the input is empty. ${advice}`);
}
