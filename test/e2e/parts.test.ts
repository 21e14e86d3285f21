/** `ftx parts` beside a receiver that runs. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectTaken } from '../support/aftermath.js';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver } from '../support/mailbox.js';
import { runFtx, startFtx } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';

const MIB = 1024 * 1024;

it('a part is left while a session receives it, and dropped once it has broken off; the receiver goes on', async () => {
  const receiver = await startReceiver();
  const file = join(await tempDir(), 'film.bin');
  await writeContent(file, 64 * MIB);
  const parts = async (...args: string[]) => {
    const { status, stdout } = await runFtx(['parts', '--dir', receiver.dir, '--json', ...args]);
    return { status, parts: stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line) as unknown] : [])) };
  };
  const proxy = await startProxy(receiver.port, { toReceiver: { stall: 40 * MIB } });
  const sender = startFtx(['send', file, '--retry', '0', '--to', proxy.address]);
  await proxy.struck;
  const film = { path: 'film.bin', size: 64 * MIB };
  expect(await parts('--drop', 'all')).toMatchObject({ status: 0, parts: [{ ...film, type: 'part', inUse: true }] });
  sender.kill('SIGKILL');
  await sender.exit;
  proxy.close();
  await receiver.program.event('done');
  expect(await parts()).toMatchObject({ status: 0, parts: [{ ...film, type: 'part', inUse: false }] });
  expect(await parts('--drop', 'all')).toMatchObject({ status: 0, parts: [{ ...film, type: 'dropped' }] });
  expect(await readNames(receiver.dir)).toEqual([]);
  expect((await send(receiver.address, file, '--json')).stdout).not.toContain('"resumed"');
  await expectTaken(receiver, file);
});
