/** This installation's identity: read from its home, or made there on first use. */
import { link } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, FtxError } from '../core/errors.js';
import { createIdentity, formatIdentity, parseIdentity, type Identity } from '../identity/identity.js';
import { homeError, placeFile, readPrivateFile, removeOrphaned } from './private-file.js';
import { makePrivateFolder } from '../storage/disk/private-folder.js';

const IDENTITY_FILE = 'identity.pem';
const READ_BY_OTHERS = 0o077;

/** This installation's identity, made on first use. Throws FtxError `home`. */
export async function loadIdentity(home: string): Promise<Identity> {
  const path = join(home, IDENTITY_FILE);
  return (await readIdentity(path)) ?? (await makeIdentity(home, path));
}

async function readIdentity(path: string): Promise<Identity | undefined> {
  const text = await readPrivateFile(path, READ_BY_OTHERS, 'the secret key in it may be known to others');
  if (text === undefined) return undefined;
  const identity = parseIdentity(text);
  if (identity) return identity;
  throw new FtxError('home', `${path} is damaged. Restore it from a backup, or remove it to get a new identity.`);
}

/** Makes the identity. If two processes make one at the same time, the first to link its file wins, and both use that one. */
async function makeIdentity(home: string, path: string): Promise<Identity> {
  const identity = createIdentity();
  try {
    makePrivateFolder(home);
    await removeOrphaned(home);
    await placeFile(path, formatIdentity(identity), link);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw homeError(path, 'cannot be written', error);
    return (await readIdentity(path)) ?? identity;
  }
  return identity;
}
