import { readdir, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { expectWhole } from '../support/aftermath.js';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { startReceiver } from '../support/mailbox.js';
import { repository, runFtx, startFtx } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';

const MIB = 1024 * 1024;
const SIZE = 90 * MIB + 5;
const HOUR_S = 3600;
/** An hour fast until SIGUSR2. */
const FAST = { NODE_OPTIONS: `--import=${pathToFileURL(`${repository}test/support/clock.mjs`).href}` };

/** What was written before the clock was set back. */
async function dateAhead(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path);
    await utimes(path, mtimeMs / 1000 + HOUR_S, mtimeMs / 1000 + HOUR_S);
  }
}

async function makeScene() {
  const file = join(await tempDir(), 'film.bin');
  await writeContent(file, SIZE);
  return { file, home: { FTX_HOME: await tempDir() } };
}

it('a clock that was set back an hour after a transfer broke off does not keep it from going on', async () => {
  const { file, home } = await makeScene();
  const before = await startReceiver([], { env: { ...home, ...FAST } });
  const proxy = await startProxy(before.port, { toReceiver: { stall: 70 * MIB } });
  const sender = startFtx(['send', file, '--to', proxy.address], { env: { ...home, ...FAST } });
  await proxy.struck;
  sender.kill('SIGKILL');
  await sender.exit;
  proxy.close();
  await before.program.event('done');
  before.program.kill('SIGTERM');
  await before.program.exit;
  const hosts = JSON.parse(await readFile(join(home.FTX_HOME, 'peers.json'), 'utf8')) as {
    hosts: Record<string, { since: string }>;
  };
  expect(Date.parse(hosts.hosts[proxy.address]!.since)).toBeGreaterThan(Date.now() + 60_000);
  await dateAhead(before.dir);
  await dateAhead(join(home.FTX_HOME, 'state/digests'));

  const list = await runFtx(['receive', '--dir', before.dir, '--list-parts', '--json']);
  expect(JSON.parse(list.stdout)).toMatchObject({ path: 'film.bin', size: SIZE, ageSeconds: 0 });
  const options = ['--dir', before.dir, '--port', String(before.port), '--keep-parts', '1m'];
  const after = await startReceiver(options, { env: home });
  const { status, stderr } = await runFtx(['send', file, '--to', after.address], { env: home });
  expect(status, stderr).toBe(0);
  expect((await after.program.event('resumed')).bytes).toBeGreaterThan(30 * MIB);
  await expectWhole(before.dir, file);
  expect(await readNames(before.dir)).toEqual(['film.bin']);
});

it('a clock that is set back an hour in the middle is not noticed', async () => {
  const { file, home } = await makeScene();
  const env = { ...home, ...FAST };
  const receiver = await startReceiver([], { env });
  const proxy = await startProxy(receiver.port, { toReceiver: { stall: 40 * MIB } });
  const sender = startFtx(['send', file, '--to', proxy.address, '--json'], { env });
  await proxy.struck;
  for (const program of [sender, receiver.program]) program.kill('SIGUSR2');
  proxy.resume();
  const { status, stderr } = await sender.exit;
  expect(status, stderr).toBe(0);
  await expectWhole(receiver.dir, file);
  for (const program of [sender, receiver.program]) {
    const { seconds } = await program.event('done');
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(HOUR_S / 2);
  }
});
