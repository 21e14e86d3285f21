import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where this user's programs keep what they can do without: `$FTX_HOME/state`, or by the XDG base directories. */
export function findStateDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env['FTX_HOME']) return join(env['FTX_HOME'], 'state');
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'ftx');
}
