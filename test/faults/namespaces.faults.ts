/** Receivers in containers: their process numbers mean nothing to each other. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, it, type TestContext } from 'vitest';
import { readJournal } from '../../src/storage/disk/block-journal.js';
import { expectWhole } from '../support/aftermath.js';
import { readNames, readStoredNames, tempDir, writeContent } from '../support/folders.js';
import { startReceiver } from '../support/mailbox.js';
import { repository, startFtx, startProgram, type Program } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';
import { skipTest } from '../support/skips.js';

const MIB = 1024 * 1024;
// What is unmounted outside goes there too: else disks of other tests would live on in it.
const NEW_SPACE = ['--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'slave'];

beforeEach(async (context: TestContext) => {
  await promisify(execFile)('unshare', [...NEW_SPACE, 'true']).catch(() =>
    skipTest(context, 'pid namespaces cannot be made here'),
  );
});

/** A receiver that is the first process of a pid namespace, or the second one with `isSecond`. */
async function startInside(dir: string, isSecond = false) {
  const ftx = [process.execPath, `${repository}dist/cli/main.js`, 'receive', '--dir', dir, '--port', '0', '--json'];
  const program = startProgram('unshare', [
    ...NEW_SPACE,
    ...(isSecond ? ['sh', '-c', '"$@" & wait', 'sh'] : []),
    ...ftx,
  ]);
  return { program, port: (await program.event('listening')).port };
}

/** A sender that has brought enough of a file for the journal to tell of it, and waits in the middle of it. */
async function startHeld(port: number, file: string, FTX_HOME: string) {
  const proxy = await startProxy(port, { toReceiver: { stall: 44 * MIB } });
  const sender = startFtx(['send', file, '--to', proxy.address, '--retry', '0', '--json'], { env: { FTX_HOME } });
  await proxy.struck;
  return { proxy, sender };
}

async function expectStored(sender: Program, dir: string, file: string): Promise<void> {
  const { status, stderr } = await sender.exit;
  expect(status, stderr).toBe(0);
  expect(await readStoredNames(dir)).toEqual(['film.bin']);
  await expectWhole(dir, file);
}

/** Blocks that the journal in the folder tells of. */
async function countRecorded(dir: string): Promise<number> {
  const journal = (await readNames(dir)).find((name) => name.endsWith('.journal'));
  return journal === undefined ? 0 : (await readJournal(join(dir, journal)))!.blocks;
}

async function makeFile(): Promise<string> {
  const file = join(await tempDir(), 'film.bin');
  await writeContent(file, 64 * MIB);
  return file;
}

it('a receiver that starts in another pid namespace removes no part that a living one writes', async () => {
  const file = await makeFile();
  const home = await tempDir();
  const first = await startReceiver();
  const { proxy, sender } = await startHeld(first.port, file, home);
  const second = await startInside(first.dir);
  // The second one cleans the folder before it serves anybody: this sender waits for the first transfer, whose part stays.
  const beside = startFtx(['send', file, '--to', `127.0.0.1:${second.port}`, '--json'], { env: { FTX_HOME: home } });
  await beside.event('offered');
  proxy.resume();
  await expectStored(sender, first.dir, file);
  await expectStored(beside, first.dir, file);
  expect((await beside.event('stored')).already).toBe(true);
});

it('a receiver that was killed in a pid namespace goes on in the next one, where its number is that of another process', async () => {
  const file = await makeFile();
  const home = await tempDir();
  const dir = join(await tempDir(), 'received');
  const first = await startInside(dir);
  const { sender } = await startHeld(first.port, file, home);
  await expect.poll(() => countRecorded(dir), { timeout: 10_000 }).toBeGreaterThan(0);
  first.program.kill('SIGKILL');
  await sender.exit;
  const next = await startInside(dir, true);
  // The lock of the killed one counts as alive for half a minute, as long as nobody can tell.
  const again = startFtx(['send', file, '--to', `127.0.0.1:${next.port}`, '--json'], { env: { FTX_HOME: home } });
  expect((await again.event('resumed')).bytes).toBeGreaterThan(0);
  await expectStored(again, dir, file);
});
