/** What the receiver's disk reports, as FtxErrors; and paths and sizes as messages show them. */
import { FtxError, type ErrorCode } from '../../core/errors.js';
import { diskErrnoOf, nameDiskFailure } from './errno.js';

const SHOWN_CHARACTERS = 200;

type Reason = readonly [ErrorCode, string];

const NOT_CONNECTED: Reason = ['io', "the receiver's disk is not connected any more; connect it, then send again"];
const DAMAGED: Reason = ['io', "the receiver's file system is damaged and has to be repaired there"];
const LOCKED: Reason = ['denied', "the receiver's folder is encrypted and locked; unlock it there"];
const OUT_OF_MEMORY: Reason = ['busy', 'the receiver is out of memory; try again'];
const TOO_MANY_OPEN: Reason = ['busy', 'the receiver has too many files open; try again'];
const UNABLE: Reason = ['denied', "the receiver's file system is not able to do this"];

const REASONS: Readonly<Record<string, Reason | undefined>> = {
  ENOSPC: ['no-space', "the receiver's disk is full; make room there, then send again"],
  EDQUOT: ['no-space', "the receiver's disk quota is used up; make room there, then send again"],
  EFBIG: ['too-large', "the receiver's file system cannot hold a file of this size"],
  EOVERFLOW: ['too-large', "the receiver's file system cannot hold a file of this size"],
  EACCES: ['denied', 'the receiver has no permission to write there'],
  EPERM: ['denied', "the receiver's system does not permit it"],
  EROFS: ['denied', "the receiver's disk is read-only"],
  ENOTSUP: UNABLE,
  ENOSYS: UNABLE,
  ENOKEY: LOCKED,
  EKEYEXPIRED: LOCKED,
  EKEYREVOKED: LOCKED,
  ENAMETOOLONG: [
    'bad-name',
    "the name or path is too long for the receiver's system, perhaps only with the number that a taken name gets; give it a shorter one",
  ],
  EILSEQ: ['bad-name', "the receiver's file system does not take this name"],
  ENOTDIR: ['bad-parent', 'something on the way to it is not a folder'],
  ELOOP: ['bad-parent', 'something on the way to it is a symbolic link'],
  EEXIST: ['exists', 'something of that name is there already'],
  EISDIR: ['exists', 'a folder of that name is there already'],
  ENOTEMPTY: ['exists', 'a folder of that name is there already'],
  ENOENT: ['io', 'the folder it was to be in is gone'],
  EIO: ['io', "the receiver's disk reported an error"],
  EREMOTEIO: ['io', "the receiver's disk reported an error"],
  EUCLEAN: DAMAGED,
  EBADMSG: DAMAGED,
  ESTALE: ['io', "the receiver's network disk has lost track of it, as after a restart of its server; send again"],
  ENODEV: NOT_CONNECTED,
  ENXIO: NOT_CONNECTED,
  ENOMEDIUM: NOT_CONNECTED,
  ENOTCONN: NOT_CONNECTED,
  ENOLINK: NOT_CONNECTED,
  ESHUTDOWN: NOT_CONNECTED,
  ECONNABORTED: NOT_CONNECTED,
  ECONNREFUSED: NOT_CONNECTED,
  ECONNRESET: NOT_CONNECTED,
  EHOSTDOWN: NOT_CONNECTED,
  EHOSTUNREACH: NOT_CONNECTED,
  ENETUNREACH: NOT_CONNECTED,
  ETIMEDOUT: ['io', "the receiver's disk does not answer"],
  ETIME: ['io', "the receiver's disk does not answer"],
  EBUSY: ['io', 'something there is in use by another program on the receiver'],
  ETXTBSY: ['io', 'something there is in use by another program on the receiver'],
  ENOLCK: ['io', "the receiver's network disk gives no locks"],
  EMLINK: ['io', "the receiver's file system takes no more links or folders there"],
  EXDEV: ['io', 'the place it was to be in lies on another disk'],
  ENOMEM: OUT_OF_MEMORY,
  ENOBUFS: OUT_OF_MEMORY,
  EMFILE: TOO_MANY_OPEN,
  ENFILE: TOO_MANY_OPEN,
};

const NO_INODE: Reason = ['no-space', "the receiver's disk can take no more files; remove some there, then send again"];
const BAD_NAME: Reason = ['bad-name', "the receiver's file system does not take this name"];
/** System calls that create a name, which needs an inode and not room for content. */
const NAMING: readonly unknown[] = ['open', 'mkdir', 'link', 'symlink', 'rename'];

/**
 * A call that creates a name means something else by two errors. ENOSPC is "no inodes left", and the message says so,
 * because `df` still shows free bytes. EINVAL is a name that FAT or a share cannot hold.
 */
function findReason(error: unknown): Reason | undefined {
  const errno = diskErrnoOf(error) ?? '';
  const isNaming = error instanceof Error && 'syscall' in error && NAMING.includes(error.syscall);
  if (isNaming && errno === 'ENOSPC') return NO_INODE;
  if (isNaming && errno === 'EINVAL') return BAD_NAME;
  return REASONS[errno];
}

/** Returns the FtxError for what went wrong on the receiver's disk with the entry at `path`. An FtxError stays as it is. */
export function diskError(error: unknown, path: string): FtxError {
  if (error instanceof FtxError) return error;
  const [code, sentence] = findReason(error) ?? ['io', `the receiver's disk failed (${nameDiskFailure(error)})`];
  return new FtxError(code, `${showPath(path)}: ${sentence}.`, { cause: error });
}

/** Cuts the middle out of a path of more than 200 characters, so that the reason after it survives any limit on messages. */
export function showPath(path: string): string {
  if (path.length <= SHOWN_CHARACTERS) return path.toWellFormed();
  const half = SHOWN_CHARACTERS / 2;
  return `${path.slice(0, half)}…${path.slice(-half)}`.toWellFormed();
}
