/** The folder with what an installation keeps: its identity and the peers it knows. */
import { link, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, extname, join, resolve } from 'node:path';
import { errnoOf, FtxError, nameFailure } from '../errors.js';
import { createIdentity, formatIdentity, parseIdentity, type Identity } from '../identity/identity.js';
import { syncFolder } from './durable-folder.js';
import { isOwnerGone, makeOwnerMark } from './owner.js';

const IDENTITY_FILE = 'identity.pem';
const READ_BY_OTHERS = 0o077;

/** `given`, else FTX_HOME, else the XDG data folder. Absolute. */
export function findHome(given?: string): string {
  const { FTX_HOME: own, XDG_DATA_HOME: data } = process.env;
  const chosen = given ?? own;
  if (chosen !== undefined && chosen !== '') return resolve(chosen);
  // The XDG specification: a relative path is invalid and ignored.
  const base = data?.startsWith('/') ? data : join(homedir(), '.local', 'share');
  return join(base, 'ftx');
}

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

/** What two processes make at once is made once: the first to link it wins. */
async function makeIdentity(home: string, path: string): Promise<Identity> {
  const identity = createIdentity();
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    await removeAbandoned(home);
    await placeFile(path, formatIdentity(identity), link);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw homeFailure(path, 'cannot be written', error);
    return (await readIdentity(path)) ?? identity;
  }
  return identity;
}

/** Writes a file beside `path`, durable and for this user alone, and moves it there by `place`. */
export async function placeFile(path: string, text: string, place: (from: string, to: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${makeOwnerMark()}`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await place(temporary, path);
    await syncFolder(dirname(path));
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

/** Removes what somebody who was killed was about to place: its name ends in a dot and his mark. */
export async function removeAbandoned(home: string): Promise<void> {
  const names = await readdir(home).catch(() => []);
  const abandoned = names.filter((name) => isOwnerGone(extname(name).slice(1)));
  await Promise.all(abandoned.map((name) => unlink(join(home, name)).catch(() => undefined)));
}

/** Undefined when there is none; FtxError `home` when its permission bits have one of `forbidden`. */
export async function readPrivateFile(path: string, forbidden: number, danger: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & forbidden) !== 0)
      throw new FtxError('home', `Other users have access to ${path}: ${danger}. Mend it with: chmod 600 ${path}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw homeFailure(path, 'cannot be read', error);
  }
}

export function homeFailure(path: string, what: string, cause: unknown): FtxError {
  if (cause instanceof FtxError) return cause;
  const advice = 'Set FTX_HOME to a folder of your own, or use --plain on both sides of a trusted network.';
  return new FtxError('home', `${path} ${what} (${nameFailure(cause)}). ${advice}`, { cause });
}
