/** The file behind --code-file. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoOf, FtxError } from '../../core/errors.js';

const MAX_BYTES = 256;

/** Reads the first 256 bytes of a file as text. Throws FtxError `unreadable`. */
export async function readCodeFile(path: string): Promise<string> {
  try {
    // O_NONBLOCK, because opening a pipe that nobody writes to would wait for ever.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!(await handle.stat()).isFile())
        throw new FtxError('unreadable', `${path} is not a file. Give what a command prints by: --code-file -`);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof FtxError) throw error;
    throw new FtxError('unreadable', `The code cannot be read from ${path} (${errnoOf(error) ?? 'unknown reason'}).`, {
      cause: error,
    });
  }
}
