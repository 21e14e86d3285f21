import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { HOST } from '../ports.js';
import { FTX } from '../programs.js';
import { otherBuildOf, type Tool } from './tool.js';

/** More than any work sends; the default would refuse the largest file. */
const MAX_SIZE = '100G';

interface Variant extends Pick<Tool, 'id' | 'name' | 'durable'> {
  readonly receiveOptions?: readonly string[];
  readonly sendOptions?: readonly string[];
}

const ENCRYPTED: Variant = { id: 'ftx', name: 'ftx', durable: 'yes' };
const PLAIN: Variant = {
  id: 'ftx-plain',
  name: 'ftx --plain',
  durable: 'yes',
  receiveOptions: ['--plain'],
  sendOptions: ['--plain'],
};
const WITHOUT_SYNC: Variant = {
  id: 'ftx-no-sync',
  name: 'ftx, receive --no-sync',
  durable: 'no',
  receiveOptions: ['--no-sync'],
};

/** Each build has a home of its own, so that none reads what another has written there. */
const homeOf = (dir: string) => ({ FTX_HOME: join(dir, 'home') });

function createFtx(
  program: readonly string[],
  { id, name, durable, receiveOptions = [], sendOptions = [] }: Variant,
): Tool {
  return {
    id,
    name,
    takes: ['file', 'tree'],
    durable,
    programs: [],
    daemon: ({ dir, inbox }, port) => {
      const where = ['--dir', inbox, '--port', String(port), '--host', HOST];
      const argv = [...program, 'receive', ...where, '--max-size', MAX_SIZE, '--quiet', ...receiveOptions];
      return Promise.resolve({ argv, env: homeOf(dir) });
    },
    sender: (source, { dir }, port) => {
      const argv = [...program, 'send', source, '--to', `${HOST}:${port}`, '--quiet', ...sendOptions];
      return { argv, env: homeOf(dir) };
    },
    whyUnfit: () => receiveOptions.map((option) => whyUnknown(program, option)).find((reason) => reason !== undefined),
  };
}

function whyUnknown([node = '', ...args]: readonly string[], option: string): string | undefined {
  const { stdout } = spawnSync(node, [...args, 'receive', '--help'], { encoding: 'utf8' });
  return stdout.includes(option) ? undefined : `this ftx has no ${option}`;
}

export const ftx = createFtx(FTX, ENCRYPTED);
export const ftxPlain = createFtx(FTX, PLAIN);
export const ftxWithoutSync = createFtx(FTX, WITHOUT_SYNC);

/** The same tools of another build, whose command line `program` is. */
export function ofOtherBuild(program: readonly string[]): Tool[] {
  return [ENCRYPTED, PLAIN, WITHOUT_SYNC].map((variant) =>
    createFtx(program, { ...variant, id: `${variant.id}-other`, name: otherBuildOf(variant.name) }),
  );
}
