import { join } from 'node:path';
import { expect, it } from 'vitest';
import { removeOldParts } from '../../src/storage/inbox/left-parts.js';
import { hashFile, readNames, tempDir, writeContent } from '../support/folders.js';
import { startReceiver } from '../support/mailbox.js';
import { atClockRate, startFtx } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';

const MIB = 1024 * 1024;
/** A minute is over in less than a second. */
const FAST = atClockRate(100);

/** Two receivers of one folder, and a sender whose transfer to the first one stands still in the middle. */
async function startScene(secondEnv: NodeJS.ProcessEnv = {}) {
  const file = join(await tempDir(), 'film.bin');
  await writeContent(file, 40 * MIB);
  const first = await startReceiver();
  const second = startFtx(['receive', '--dir', first.dir, '--port', '0', '--json'], { env: secondEnv });
  const { port } = await second.event('listening');
  const env = { FTX_HOME: await tempDir() };
  const proxy = await startProxy(first.port, { toReceiver: { stall: 20 * MIB } });
  const held = startFtx(['send', file, '--to', proxy.address, '--retry', '0'], { env });
  await first.program.event('progress');
  await proxy.struck;
  const beside = startFtx(['send', file, '--to', `127.0.0.1:${port}`, '--retry', '0', '--json'], { env });
  return { file, dir: first.dir, proxy, held, beside };
}

it('two receivers of one folder harm none of each other’s transfers, also of the same file of the same sender', async () => {
  const { file, dir, proxy, held, beside } = await startScene();
  await beside.event('offered');
  // As a third one would that keeps nothing: this process is one of its own.
  expect(await removeOldParts(dir, 0)).toEqual([]);
  proxy.resume();
  // The second transfer waits for the first one, and then finds the file there.
  for (const { exit } of [held, beside]) {
    const { status, stderr } = await exit;
    expect(status, stderr).toBe(0);
  }

  expect(await readNames(dir)).toEqual(['film.bin']);
  for (const name of await readNames(dir)) expect(await hashFile(join(dir, name))).toBe(await hashFile(file));
});

it('a sender hears that the receiver is busy when another receiver of the folder has the file for a minute', async () => {
  const { file, dir, proxy, held, beside } = await startScene(FAST);
  const { status, stderr } = await beside.exit;
  expect(status, stderr).toBe(75);
  expect(await beside.event('failed')).toMatchObject({
    code: 'busy',
    message: 'film.bin: another session is receiving this very file. Send it again later.',
  });
  proxy.resume();
  expect((await held.exit).status).toBe(0);
  expect(await readNames(dir)).toEqual(['film.bin']);
  expect(await hashFile(join(dir, 'film.bin'))).toBe(await hashFile(file));
});
