import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HOST } from '../ports.js';
import type { Durability, Site, Tool } from './tool.js';

const MODULE = 'inbox';

function createRsync(id: string, name: string, durable: Durability, options: readonly string[]): Tool {
  return {
    id,
    name,
    takes: ['file', 'tree'],
    durable,
    programs: ['rsync'],
    forks: true,
    async daemon(site, port) {
      const config = join(site.dir, 'rsyncd.conf');
      await writeFile(config, settings(site, port));
      return { argv: ['rsync', '--daemon', '--no-detach', `--config=${config}`] };
    },
    sender: (source, _site, port) => ({
      argv: ['rsync', '-aW', ...options, source, `rsync://${HOST}:${port}/${MODULE}/`],
    }),
  };
}

function settings({ dir, inbox }: Site, port: number): string {
  // As root the daemon would change to nobody, who may not write here.
  const user = process.getuid?.() === 0 ? ['uid = 0', 'gid = 0'] : [];
  const lines = [
    `port = ${port}`,
    `address = ${HOST}`,
    `log file = ${join(dir, 'rsyncd.log')}`,
    'use chroot = no',
    ...user,
    `[${MODULE}]`,
    `path = ${inbox}`,
    'read only = no',
  ];
  return `${lines.join('\n')}\n`;
}

export const rsync = createRsync('rsync', 'rsync daemon, -aW', 'no', []);
export const rsyncWithFsync = createRsync('rsync-fsync', 'rsync daemon, -aW --fsync', 'content', ['--fsync']);
