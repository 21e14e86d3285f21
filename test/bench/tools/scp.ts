import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { atExit } from '../cleanup.js';
import { HOST } from '../ports.js';
import { run } from '../processes.js';
import { findProgram } from '../programs.js';
import type { Site, Tool } from './tool.js';

const CIPHER = 'aes128-gcm@openssh.com';
/** sshd run by root does not start without this empty folder, and takes no other. */
const EMPTY_FOLDER = '/run/sshd';

/** Against an sshd of its own, with keys of its own: nobody's settings or known hosts are read or written. */
export const scp: Tool = {
  id: 'scp',
  name: `scp, ${CIPHER.replace(/@.*/, '')}`,
  takes: ['file', 'tree'],
  durable: 'no',
  programs: ['scp', 'sshd', 'ssh-keygen'],
  forks: true,
  async daemon(site, port) {
    makeEmptyFolder();
    for (const key of ['host', 'client'])
      await run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(site.dir, key));
    await copyFile(join(site.dir, 'client.pub'), join(site.dir, 'authorized'));
    const config = join(site.dir, 'sshd_config');
    await writeFile(config, settings(site, port));
    return { argv: [findProgram('sshd') ?? 'sshd', '-D', '-e', '-f', config] };
  },
  sender: (source, { dir, inbox }, port) => ({
    argv: ['scp', '-q', '-r', '-p', ...clientOptions(dir, port), source, `${userInfo().username}@${HOST}:${inbox}/`],
  }),
};

function makeEmptyFolder(): void {
  if (process.getuid?.() !== 0 || existsSync(EMPTY_FOLDER)) return;
  mkdirSync(EMPTY_FOLDER);
  atExit(() => rmdirSync(EMPTY_FOLDER));
}

function settings({ dir }: Site, port: number): string {
  const lines = [
    `Port ${port}`,
    `ListenAddress ${HOST}`,
    `HostKey ${join(dir, 'host')}`,
    `AuthorizedKeysFile ${join(dir, 'authorized')}`,
    `Ciphers ${CIPHER}`,
    'PidFile none',
    'AuthenticationMethods publickey',
    'PermitRootLogin prohibit-password',
    'UsePAM no',
    // The scratch folder may lie below /tmp, where others may write.
    'StrictModes no',
    'PrintLastLog no',
    'MaxStartups 500',
    'Subsystem sftp internal-sftp',
  ];
  return `${lines.join('\n')}\n`;
}

function clientOptions(dir: string, port: number): string[] {
  const settings = [
    `IdentityFile=${join(dir, 'client')}`,
    `UserKnownHostsFile=${join(dir, 'known_hosts')}`,
    'GlobalKnownHostsFile=/dev/null',
    'StrictHostKeyChecking=no',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'BatchMode=yes',
    'LogLevel=ERROR',
  ];
  return ['-F', 'none', '-P', String(port), '-c', CIPHER, ...settings.flatMap((setting) => ['-o', setting])];
}
