/** The folders of an installation: the home with its secrets, and the state, which can be lost without harm. */
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { FtxError } from '../core/errors.js';
import { resolveExactly } from '../storage/disk/exact-path.js';
import { isExactVariable } from './given-text.js';

/**
 * Returns the absolute path of the home: `given`, else FTX_HOME, else `ftx` in
 * the XDG data folder. Throws FtxError `home` if there is no such folder, or if
 * no text can name it.
 */
export function findHome(given?: string): string {
  if (!given) return findFolder('XDG_DATA_HOME', '.local/share');
  return resolveExactly(given) ?? fail('its path is not valid UTF-8');
}

/** Returns the state folder: `state` in FTX_HOME, or `ftx` in the XDG state folder. Undefined where findHome would throw. */
export function findStateDir(): string | undefined {
  try {
    const folder = findFolder('XDG_STATE_HOME', '.local/state');
    return process.env['FTX_HOME'] ? join(folder, 'state') : folder;
  } catch {
    return undefined;
  }
}

/** FTX_HOME, else `ftx` in the folder that the variable names, else `ftx` below the user's home. */
function findFolder(variable: string, belowHome: string): string {
  const own = readVariable('FTX_HOME');
  if (own)
    return resolveExactly(own) ?? fail('the path of the folder you are in is not valid UTF-8, or the folder is gone');
  // The XDG specification: a relative path is invalid and ignored.
  const base = readVariable(variable);
  if (isAbsolute(base)) return join(base, 'ftx');
  const home = findUserHome() ?? fail('HOME is not set to an absolute path, and the system knows no home of this user');
  return join(home, belowHome, 'ftx');
}

/** HOME if it is absolute, else what the system has for this user. */
function findUserHome(): string | undefined {
  readVariable('HOME');
  return [homedir, () => userInfo().homedir].map(attempt).find((path) => path !== undefined && isAbsolute(path));
}

/** Undefined where the system knows nothing of the user. */
function attempt(find: () => string): string | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}

/** The value of a variable; empty if it is not set. Throws FtxError `home` if the value is not valid UTF-8. */
function readVariable(name: string): string {
  return isExactVariable(name) ? (process.env[name] ?? '') : fail(`${name} is not valid UTF-8`);
}

function fail(reason: string): never {
  const advice = 'Set FTX_HOME to a folder of your own, or use --plain on both sides of a trusted network.';
  throw new FtxError('home', `No folder for the identity of this machine can be found: ${reason}. ${advice}`);
}
