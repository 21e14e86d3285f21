/** Two runs of the sender bring the same file at the same time. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashFile, readStoredNames, tempDir, writeContent } from '../support/folders.js';
import { startReceiver, type Mailbox } from '../support/mailbox.js';
import { startFtx, type Program } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';

const MIB = 1024 * 1024;

async function makeFile(size: number): Promise<string> {
  const file = join(await tempDir(), 'film.bin');
  await writeContent(file, size);
  return file;
}

/** Both say that the file is stored, one of them that it was there already, and it is there once. */
async function expectOneCopy(receiver: Mailbox, file: string, senders: readonly Program[]): Promise<void> {
  const already = [];
  for (const sender of senders) {
    const { status, stderr } = await sender.exit;
    expect(status, stderr).toBe(0);
    already.push((await sender.event('stored')).already);
  }
  expect(already.sort()).toEqual([false, true]);
  expect(await readStoredNames(receiver.dir)).toEqual(['film.bin']);
  expect(await hashFile(join(receiver.dir, 'film.bin'))).toBe(await hashFile(file));
}

describe.each([
  ['with a ledger', [], []],
  ['without a ledger', ['--no-ledger'], []],
  ['without encryption', ['--plain'], ['--plain']],
])('two terminals that send the same file at once, %s', (_, atReceiver, atSender) => {
  it.each([1000, 12 * MIB])('end with one copy of %i bytes', async (size) => {
    const receiver = await startReceiver([...atReceiver]);
    const file = await makeFile(size);
    const env = { FTX_HOME: await tempDir() };
    const start = () => startFtx(['send', file, '--to', receiver.address, '--json', ...atSender], { env });
    await expectOneCopy(receiver, file, [start(), start()]);
  });
});

it('a terminal whose connection stands still follows the one that takes its file over', async () => {
  const receiver = await startReceiver();
  const file = await makeFile(40 * MIB);
  const env = { FTX_HOME: await tempDir() };
  const proxy = await startProxy(receiver.port, { toReceiver: { stall: 20 * MIB } });
  const start = (to: string) => startFtx(['send', file, '--to', to, '--retry', '0', '--json'], { env });
  const older = start(proxy.address);
  await proxy.struck;
  const newer = start(receiver.address);
  // The older one is over for the receiver once it has brought nothing for five seconds.
  expect((await newer.event('resumed')).bytes).toBeGreaterThan(0);
  proxy.resume();
  await expectOneCopy(receiver, file, [newer, older]);
  expect(older.events().filter(({ type }) => type === 'offered')).toHaveLength(2);
});
