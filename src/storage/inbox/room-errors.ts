/** What a sender hears when there is no room: how much is missing, and why it is less than the owner of the disk sees. */
import { formatBytes } from '../../core/bytes.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import { FtxError } from '../../core/errors.js';
import { showPath } from '../disk/disk-error.js';

/** A file of known size that does not fit. */
export function noSpaceError(path: string, bytes: number, left: number, kept: number): FtxError {
  const much = `${formatBytes(bytes)} is more than the ${formatBytes(left)} that the receiver's disk has left for it`;
  return spaceError(`${showPath(path)}: ${much}${beside(kept)}. Make room there, then send again.`);
}

/** All entries of a list together do not fit on a disk. */
export function totalError(bytes: number, left: number, kept: number): FtxError {
  const much = `What is sent needs ${formatBytes(bytes)}, and the receiver's disk has ${formatBytes(left)} left for it`;
  return spaceError(`${much}${beside(kept)}. Nothing was sent. Make room there, or send less.`);
}

/** A list of more entries than the disk has inodes for. */
export function totalFilesError(files: number, left: number): FtxError {
  const much = `What is sent is ${files} files, folders and links, and the receiver's disk can take only ${left} more`;
  return spaceError(`${much}. Nothing was sent. Remove some there, or send one archive of them.`);
}

/** No write fits any more, of a file of which nobody knew how large it would be. */
export function fullError(path: string, kept: number): FtxError {
  return spaceError(`${showPath(path)}: the receiver's disk is full${beside(kept)}; make room there, then send again.`);
}

/** Others have brought so much meanwhile that there is no room for the rest of a file. */
export function restError(path: string, kept: number): FtxError {
  const why = `the receiver's disk has no room left for the rest of it${beside(kept)}`;
  return spaceError(`${showPath(path)}: ${why}; make room there, then send again.`);
}

export function noFilesError(path: string, kept: number): FtxError {
  const why = `the receiver's disk can take no more files${kept > 0 ? `, but for ${kept} that it keeps free` : ''}`;
  return spaceError(`${showPath(path)}: ${why}; remove some there, then send again.`);
}

/** `what` needs `bytes`, or null for a file of which nobody knows how large it is, and `left` are left for all of it. `unfinished`: bytes of transfers that have not come to their end, told if it is more than what their journals take. */
export function quotaError(
  what: string,
  bytes: number | null,
  limit: number,
  left: number,
  unfinished: number,
): FtxError {
  const much = bytes === null ? 'is larger than' : `${formatBytes(bytes)} is more than`;
  const parts = `; ${formatBytes(unfinished)} of it are unfinished transfers, which "ftx parts" lists there and drops`;
  const room = `the ${formatBytes(left)} left of the ${formatBytes(limit)} that the receiver's folder may hold`;
  return spaceError(
    `${showPath(what)}: ${much} ${room}${unfinished >= BLOCK_BYTES ? parts : ''}. Take something out of it, or raise --quota there.`,
  );
}

function beside(kept: number): string {
  return kept > 0 ? `, beside the ${formatBytes(kept)} that stay free` : '';
}

function spaceError(message: string): FtxError {
  return new FtxError('no-space', message);
}
