import { spawnSync } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import { HOST } from '../ports.js';
import type { Site, Tool } from './tool.js';

/** Other netcats have other options. */
function whyUnfit(): string | undefined {
  const { stderr } = spawnSync('nc', ['-h'], { encoding: 'utf8' });
  return stderr.includes('OpenBSD') ? undefined : 'the nc that is installed is not netcat-openbsd';
}

const targetOf = (source: string, { inbox }: Site) => join(inbox, basename(source));

export const nc: Tool = {
  id: 'nc',
  name: 'nc > file',
  takes: ['file'],
  durable: 'no',
  programs: ['nc'],
  whyUnfit,
  receiver: (source, site, port) => ({ argv: ['nc', '-l', HOST, String(port)], stdout: targetOf(source, site) }),
  sender: (source, _site, port) => ({ argv: ['nc', '-N', HOST, String(port)], stdin: source }),
};

export const ncThenSync: Tool = {
  ...nc,
  id: 'nc-sync',
  name: 'nc > file, fdatasync',
  durable: 'content',
  programs: ['nc', 'sync'],
  receiver: (source, site, port) => ({
    argv: ['sh', '-c', `nc -l ${HOST} ${port} > "$1" && sync -d "$1"`, 'sh', targetOf(source, site)],
  }),
};

export const tarOverNc: Tool = {
  ...nc,
  id: 'tar',
  name: 'tar over nc',
  takes: ['tree'],
  programs: ['nc', 'tar'],
  receiver: (_source, { inbox }, port) => ({
    argv: ['sh', '-c', `nc -l ${HOST} ${port} | tar -C "$1" -xf -`, 'sh', inbox],
  }),
  sender: (source, _site, port) => ({
    argv: ['sh', '-c', `tar -C "$1" -cf - "$2" | nc -N ${HOST} ${port}`, 'sh', dirname(source), basename(source)],
  }),
};
