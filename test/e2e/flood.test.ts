import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { dial } from '../../src/net/dial.js';
import { createChannel } from '../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import { readNames, tempDir } from '../support/folders.js';
import { send } from '../support/mailbox.js';
import { lost } from '../support/memory-connection.js';
import { repository, startProgram } from '../support/processes.js';
import { skipTest } from '../support/skips.js';

const note = `${repository}fixtures/files/notes.txt`;

async function startWithDescriptors(count: number) {
  const dir = join(await tempDir(), 'received');
  const command = `ulimit -n ${count} && exec "$0" "$@"`;
  const args = [`${repository}dist/cli/main.js`, 'receive', '--dir', dir, '--port', '0', '--json', '--plain'];
  const program = startProgram('bash', ['-c', command, process.execPath, ...args]);
  const { port } = await program.event('listening');
  return { dir, port };
}

it('a tree of 300 folders goes to a receiver that may open 64 files', async (context) => {
  if (process.platform !== 'linux') skipTest(context, 'the number of open files is not known here');
  const { dir, port } = await startWithDescriptors(64);
  const source = join(await tempDir(), 'tree');
  for (let n = 0; n < 300; n++) {
    await mkdir(join(source, `folder ${n}`), { recursive: true });
    await writeFile(join(source, `folder ${n}`, 'x'), String(n));
  }
  const { status, stderr } = await send(`127.0.0.1:${port}`, source, '--plain', '--retry', '0');
  expect(status, stderr).toBe(0);
  expect(await readNames(join(dir, 'tree'))).toEqual(await readNames(source));
});

it('500 idle connections do not keep a sender out of a receiver that may open 64 files', async (context) => {
  if (process.platform !== 'linux') skipTest(context, 'the number of open files is not known here');
  const { dir, port } = await startWithDescriptors(64);
  const idle = Array.from({ length: 500 }, () =>
    connect({ port, host: '127.0.0.1' })
      .on('error', () => undefined)
      .resume(),
  );
  onTestFinished(() => idle.forEach((socket) => socket.destroy()));
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  const { status, stderr } = await send(`127.0.0.1:${port}`, note, '--plain', '--retry', '0');
  expect(status, stderr).toBe(0);
  expect(await readNames(dir)).toEqual(['notes.txt']);
});

it('sessions that have greeted and offer nothing take nothing from the next one', async (context) => {
  if (process.platform !== 'linux') skipTest(context, 'the number of open files is not known here');
  const { port } = await startWithDescriptors(256);
  const offers: (number | undefined)[] = [];
  for (let n = 0; n < 12; n++) {
    const channel = createChannel(await dial({ host: '127.0.0.1', port, timeoutMs: 10_000 }), DEFAULT_TIMEOUTS);
    onTestFinished(() => channel.destroy(lost()));
    offers.push((await channel.greet({ agent: 'test', capabilities: [] })).limits?.offers);
  }
  expect(offers[0]).toBeGreaterThan(8);
  expect(new Set(offers).size).toBe(1);
});
