/** What standard input is, before anything is read from it. */
import { constants, fstatSync, readFileSync, statSync } from 'node:fs';
import { FtxError } from '../../core/errors.js';

/**
 * Throws FtxError `unsupported` for a folder, and `unreadable` where standard
 * input is closed: Node reads both as an input without content.
 */
export function assertStandardInput(): void {
  const stats = fstatSync(0);
  if (stats.isDirectory())
    throw new FtxError('unsupported', 'Standard input (-) is a folder. Name the folder itself: ftx send FOLDER.');
  if (stats.isCharacterDevice() && stats.rdev === findNullDevice() && isOpenForWriting())
    throw new FtxError('unreadable', 'Standard input (-) is closed, so nothing can be read from it.');
}

function findNullDevice(): number | undefined {
  return statSync('/dev/null', { throwIfNoEntry: false })?.rdev;
}

/** Node opens /dev/null for reading and writing in the place of a closed standard input; a shell opens it for reading. */
function isOpenForWriting(): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & 3) === constants.O_RDWR;
  } catch {
    return false;
  }
}
