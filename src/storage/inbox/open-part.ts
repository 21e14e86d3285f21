/** Opens a part file for writing. A write that finds the disk full is tried again as long as something gives way to it. */
import { errnoOf } from '../../core/errors.js';
import { createBlockWriter, type BlockWriter } from '../disk/block-writer.js';
import { openDiskFile, type DiskFile } from '../disk/disk-file.js';

const FULL: readonly string[] = ['ENOSPC', 'EDQUOT'];

export interface OpenPart {
  readonly file: DiskFile;
  readonly writer: BlockWriter;
}

/** `makeRoom`: resolves with whether there is more room than before. Throws what the system throws. */
export async function openPart(path: string, flags: number, makeRoom?: () => Promise<boolean>): Promise<OpenPart> {
  const file = await openDiskFile(path, flags, 0o600);
  const writer = createBlockWriter(file);
  return { file, writer: makeRoom ? withMoreRoom(writer, makeRoom) : writer };
}

function withMoreRoom(writer: BlockWriter, makeRoom: () => Promise<boolean>): BlockWriter {
  async function writeAgain(block: Uint8Array, offset: number, error: unknown): Promise<void> {
    if (!FULL.includes(errnoOf(error) ?? '') || !(await makeRoom())) throw error;
    return write(block, offset);
  }
  const write = (block: Uint8Array, offset: number): Promise<void> =>
    writer.write(block, offset).catch((error: unknown) => writeAgain(block, offset, error));
  return { write, close: () => writer.close() };
}
