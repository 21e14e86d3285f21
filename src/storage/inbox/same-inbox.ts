/** Notices that the receive folder is no longer the one that the receiver was started with: its disk went away, or came late. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, statSync, type BigIntStats } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FtxError } from '../../core/errors.js';
import { READ_FLAGS } from '../disk/read-file.js';
import { LEDGER_FOLDER } from './ledger.js';

const ID_FILE = '.ftx-id';
const ID_BYTES = 16;

/** Throws FtxError `io` unless the folder is still the same one. */
export type AssertSameInbox = () => void;

/**
 * Looks at the folder, and returns the check to be made before each entry. With `isMarked`, the folder gets a random id,
 * by which it is known again when its disk comes back under another device number.
 */
export async function watchInbox(dir: string, isMarked: boolean): Promise<AssertSameInbox> {
  let known: BigIntStats | undefined = look(dir);
  const id = isMarked ? (readId(dir) ?? (await makeId(dir))) : undefined;
  let isFresh = false;
  return () => {
    // One look serves all entries of a turn.
    if (isFresh) return;
    const now = look(dir);
    const isSame = now && known && isSameFolder(now, known);
    if (!isSame && (!now || id === undefined || readId(dir) !== id)) throw goneError();
    known = now;
    isFresh = true;
    setImmediate(() => (isFresh = false));
  };
}

/** A folder that is made again often gets the same inode, but was born later. */
function isSameFolder(one: BigIntStats, other: BigIntStats): boolean {
  return one.dev === other.dev && one.ino === other.ino && one.birthtimeNs === other.birthtimeNs;
}

function look(dir: string): BigIntStats | undefined {
  // Synchronous: the folder is in memory, and the call takes 3 µs.
  try {
    return statSync(dir, { bigint: true });
  } catch {
    return undefined;
  }
}

function readId(dir: string): string | undefined {
  let fd: number | undefined;
  try {
    // A pipe in its place must keep nobody waiting.
    fd = openSync(join(dir, LEDGER_FOLDER, ID_FILE), READ_FLAGS);
    return readFileSync(fd, 'latin1').trim() || undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Undefined where it cannot be kept: then the folder counts as another one once its device or inode has changed. */
async function makeId(dir: string): Promise<string | undefined> {
  const id = randomBytes(ID_BYTES).toString('hex');
  try {
    await mkdir(join(dir, LEDGER_FOLDER), { mode: 0o700 }).catch(() => undefined);
    await writeFile(join(dir, LEDGER_FOLDER, ID_FILE), `${id}\n`, { mode: 0o600, flag: 'wx' });
    return id;
  } catch {
    return readId(dir);
  }
}

function goneError(): FtxError {
  const what = 'The receive folder is not the one that the receiver was started with: was its disk unmounted?';
  return new FtxError('io', `${what} Nothing was written. Mount it again there, or start the receiver again.`);
}
