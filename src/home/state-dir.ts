/** The folders of an installation: the home with its secrets, and the state, which can be lost without harm. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Returns the absolute path of the home: `given`, else FTX_HOME, else `ftx` in the XDG data folder. */
export function findHome(given?: string): string {
  const { FTX_HOME: own, XDG_DATA_HOME: data } = process.env;
  const chosen = given ?? own;
  if (chosen !== undefined && chosen !== '') return resolve(chosen);
  // The XDG specification: a relative path is invalid and ignored.
  const base = data?.startsWith('/') ? data : join(homedir(), '.local', 'share');
  return join(base, 'ftx');
}

/** The state folder: `$FTX_HOME/state`, or by the XDG base directories. */
export function findStateDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env['FTX_HOME']) return join(env['FTX_HOME'], 'state');
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'ftx');
}
