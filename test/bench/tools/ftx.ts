import { spawnSync } from 'node:child_process';
import { HOST } from '../ports.js';
import { FTX } from '../programs.js';
import type { Durability, Tool } from './tool.js';

/** More than any work sends; the default would refuse the largest file. */
const MAX_SIZE = '100G';

function createFtx(
  id: string,
  name: string,
  durable: Durability,
  receiveOptions: readonly string[],
  sendOptions: readonly string[] = [],
): Tool {
  return {
    id,
    name,
    takes: ['file', 'tree'],
    durable,
    programs: [],
    daemon: ({ inbox }, port) => {
      const where = ['--dir', inbox, '--port', String(port), '--host', HOST];
      return Promise.resolve({
        argv: [...FTX, 'receive', ...where, '--max-size', MAX_SIZE, '--quiet', ...receiveOptions],
      });
    },
    sender: (source, _site, port) => ({
      argv: [...FTX, 'send', source, '--to', `${HOST}:${port}`, '--quiet', ...sendOptions],
    }),
  };
}

export const ftx = createFtx('ftx', 'ftx', 'yes', []);
export const ftxPlain = createFtx('ftx-plain', 'ftx --plain', 'yes', ['--plain'], ['--plain']);

export const ftxWithoutSync: Tool = {
  ...createFtx('ftx-no-sync', 'ftx, receive --no-sync', 'no', ['--no-sync']),
  whyUnfit() {
    const [node = '', ...args] = FTX;
    const { stdout } = spawnSync(node, [...args, 'receive', '--help'], { encoding: 'utf8' });
    return stdout.includes('--no-sync') ? undefined : 'this ftx has no --no-sync';
  },
};
