import { FtxError } from '../../src/core/errors.js';

/** The code of the FtxError that a promise rejects with; undefined when it resolves. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof FtxError) return error.code;
    throw error;
  }
}
