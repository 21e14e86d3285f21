/** The key with which this installation vouches for the files on its disk. */
import { randomBytes } from 'node:crypto';
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../core/errors.js';
import { homeError, placeFile, readPrivateFile } from './private-file.js';
import { makePrivateFolder } from '../storage/disk/private-folder.js';

const KEY_FILE = 'pin.key';
const KEY_BYTES = 32;
const READ_BY_OTHERS = 0o077;

/** The key, made on first use. Throws FtxError `home`. */
export async function loadPinKey(home: string): Promise<Buffer> {
  const path = join(home, KEY_FILE);
  return (await readKey(path)) ?? (await makeKey(home, path));
}

/** Undefined if there is none, or a damaged one: a new key costs one comparison of each file. */
async function readKey(path: string): Promise<Buffer | undefined> {
  const text = await readPrivateFile(path, READ_BY_OTHERS, 'others could forge what it vouches for');
  const key = text === undefined ? undefined : Buffer.from(text.trim(), 'hex');
  return key?.length === KEY_BYTES ? key : undefined;
}

/** If two processes make a key at the same time, the first to link its file wins, and both use that one. */
async function makeKey(home: string, path: string): Promise<Buffer> {
  const key = randomBytes(KEY_BYTES);
  try {
    makePrivateFolder(home);
    await placeFile(path, `${key.toString('hex')}\n`, link);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw homeError(path, 'cannot be written', error);
    return (await readKey(path)) ?? key;
  }
  return key;
}
