/** The name server answers nobody. Linux and root only. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, type TestContext } from 'vitest';
import { tempDir } from '../support/folders.js';
import { newHome } from '../support/homes.js';
import { repository, runFtx, startProgram } from '../support/processes.js';
import { skipTest } from '../support/skips.js';

/** Takes the questions and says nothing, until the process that has started it is gone. */
const SILENT_SERVER = `
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || process.exit(), 100);
  require('node:dgram').createSocket('udp4').bind(53, '127.0.0.1', () => console.log('bound'));
`;
/** A network of its own, with a name server that is silent, and then the program. */
const SCRIPT = `
  ip link set lo up && mount --bind "$1" /etc/resolv.conf || exit 99
  exec 3< <("$2" -e "$3")
  read -r -u 3 bound
  shift 3
  exec "$@"
`;

async function startSend(context: TestContext) {
  const dir = await tempDir();
  const names = join(dir, 'resolv.conf');
  await writeFile(names, 'nameserver 127.0.0.1\nsearch a.example b.example\n');
  const main = `${repository}dist/cli/main.js`;
  const { env } = await newHome();
  const command = [process.execPath, main, 'send', names, '--to', 'far.example:7000'];
  const shell = ['bash', '-c', SCRIPT, 'bash', names, process.execPath, SILENT_SERVER];
  const program = startProgram('unshare', ['-nm', '--propagation', 'slave', ...shell, ...command], { env });
  return async () => {
    const { status, stderr } = await program.exit;
    if (status === 99 || status === 1) skipTest(context, `no network can be made here: ${stderr.slice(0, 100)}`);
    return { status, stderr };
  };
}

it('a name server that does not answer is named, and the process leaves then', async (context) => {
  const { status, stderr } = await (await startSend(context))();
  expect([status, stderr]).toEqual([68, expect.stringContaining('within 10 s: the name server (DNS) does not answer')]);
  // The system itself gives up after 30 s.
}, 25_000);

it('a host name that is not known is told in its own words', async () => {
  const { env } = await newHome();
  const { status, stderr } = await runFtx(['send', repository, '--to', 'nosuch.invalid'], { env });
  expect([status, stderr]).toEqual([68, expect.stringMatching(/nosuch\.invalid (is not known|cannot be looked up)/)]);
});
