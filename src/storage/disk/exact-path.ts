/**
 * Paths whose bytes are not UTF-8. Node shows each such byte as U+FFFD, and the
 * text that comes of it names another file or folder, which may exist.
 */
import { statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';

/** The absolute path of `path`; undefined if no text can name it, because the working directory or `path` is not valid Unicode. */
export function resolveExactly(path: string): string | undefined {
  if (!path.isWellFormed()) return undefined;
  if (isAbsolute(path)) return resolve(path);
  return isWorkingDirectoryExact() ? resolve(path) : undefined;
}

/** Whether the name that Node has for the working directory leads to the working directory. */
function isWorkingDirectoryExact(): boolean {
  try {
    const [named, actual] = [statSync(process.cwd(), { bigint: true }), statSync('.', { bigint: true })];
    return named.dev === actual.dev && named.ino === actual.ino;
  } catch {
    return false;
  }
}
