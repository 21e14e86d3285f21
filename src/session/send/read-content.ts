/** Reads a source for the loop that sends contents. */
import { toFtxError, type FtxError } from '../../core/errors.js';
import type { Source } from '../../core/source.js';
import type { SenderTask } from '../shares.js';

/** A source that cannot be read. It ends one entry, where any other failure ends the session. */
export class SourceFailure extends Error {
  constructor(readonly failure: FtxError) {
    super(failure.message);
  }
}

/**
 * Yields the blocks of the source from byte `from` on, a multiple of BLOCK_BYTES. For the task, the time until a block
 * has been read counts as the source's, and the time in which the caller has it as the processor's. Throws SourceFailure.
 */
export async function* readContent(source: Source, from: number, task: SenderTask): AsyncGenerator<Uint8Array> {
  try {
    task.enter('source');
    for await (const block of source.blocks(from)) {
      task.enter('cpu');
      yield block;
      task.enter('source');
    }
    task.enter('cpu');
  } catch (error) {
    throw new SourceFailure(toFtxError(error, 'unreadable'));
  }
}
