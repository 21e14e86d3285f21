import { basename, join } from 'node:path';
import { HOST } from '../ports.js';
import type { Tool } from './tool.js';

/** One way, in blocks of 1 MiB. */
const SOCAT = ['socat', '-u', '-b', '1048576'];

export const socat: Tool = {
  id: 'socat',
  name: 'socat, 1 MiB blocks',
  takes: ['file'],
  durable: 'no',
  programs: ['socat'],
  receiver: (source, { inbox }, port) => ({
    argv: [...SOCAT, `TCP-LISTEN:${port},bind=${HOST},reuseaddr`, `CREATE:${join(inbox, basename(source))}`],
  }),
  sender: (source, _site, port) => ({ argv: [...SOCAT, `OPEN:${source},rdonly`, `TCP:${HOST}:${port}`] }),
};
