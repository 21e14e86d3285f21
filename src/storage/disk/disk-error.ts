/** What the receiver's disk reports, as FtxErrors; and paths and sizes as messages show them. */
import { FtxError, errnoOf, type ErrorCode, nameFailure } from '../../core/errors.js';

const SHOWN_CHARACTERS = 200;
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

const REASONS: Readonly<Record<string, readonly [ErrorCode, string] | undefined>> = {
  ENOSPC: ['no-space', "the receiver's disk is full; make room there, then send again"],
  EDQUOT: ['no-space', "the receiver's disk quota is used up; make room there, then send again"],
  EFBIG: ['too-large', "the receiver's file system cannot hold a file of this size"],
  EACCES: ['denied', 'the receiver has no permission to write there'],
  EPERM: ['denied', "the receiver's system does not permit it"],
  EROFS: ['denied', "the receiver's disk is read-only"],
  ENAMETOOLONG: ['bad-name', "the name or path is too long for the receiver's system"],
  EILSEQ: ['bad-name', "the receiver's file system does not take this name"],
  ENOTDIR: ['bad-parent', 'something on the way to it is not a folder'],
  ELOOP: ['bad-parent', 'something on the way to it is a symbolic link'],
  EEXIST: ['exists', 'something of that name is there already'],
  EISDIR: ['exists', 'a folder of that name is there already'],
  ENOTEMPTY: ['exists', 'a folder of that name is there already'],
  ENOENT: ['io', 'the folder it was to be in is gone'],
  EIO: ['io', "the receiver's disk reported an error"],
  EMFILE: ['busy', 'the receiver has too many files open; try again'],
  ENFILE: ['busy', 'the receiver has too many files open; try again'],
};

const NO_INODE = [
  'no-space',
  "the receiver's disk can take no more files; remove some there, then send again",
] as const;
/** System calls that create a name, which needs an inode and not room for content. */
const NAMING: readonly unknown[] = ['open', 'mkdir', 'link', 'symlink', 'rename'];

/** ENOSPC from a call that creates a name means "no inodes left". The message says so, because `df` still shows free bytes. */
function lacksInode(error: unknown, errno: string): boolean {
  return errno === 'ENOSPC' && error instanceof Error && 'syscall' in error && NAMING.includes(error.syscall);
}

/** Returns the FtxError for what went wrong on the receiver's disk with the entry at `path`. An FtxError stays as it is. */
export function diskError(error: unknown, path: string): FtxError {
  if (error instanceof FtxError) return error;
  const errno = errnoOf(error);
  const known = errno === undefined ? undefined : lacksInode(error, errno) ? NO_INODE : REASONS[errno];
  const [code, sentence] = known ?? ['io' as const, `the receiver's disk failed (${nameFailure(error)})`];
  return new FtxError(code, `${showPath(path)}: ${sentence}.`, { cause: error });
}

/** Cuts the middle out of a path of more than 200 characters, so that the reason after it survives any limit on messages. */
export function showPath(path: string): string {
  if (path.length <= SHOWN_CHARACTERS) return path.toWellFormed();
  const half = SHOWN_CHARACTERS / 2;
  return `${path.slice(0, half)}…${path.slice(-half)}`.toWellFormed();
}

/** Formats a number of bytes: `10 GiB`, `1.5 KiB`, `17 bytes`, `1 byte`. */
export function showBytes(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length);
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${UNITS[power - 1] ?? ''}`;
}
