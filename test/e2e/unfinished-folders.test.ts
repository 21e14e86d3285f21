/** kill -9 of a receiver while a folder is on its way: only the sender of the folder opens it to others afterwards. */
import { chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { tempDir, writeContent } from '../support/folders.js';
import { startReceiver } from '../support/mailbox.js';
import { runFtx, startFtx } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';
import { skipTest } from '../support/skips.js';
import { needStrace, traceProcess } from '../support/strace.js';

const MIB = 1024 * 1024;

beforeEach((context) => {
  if (process.platform === 'win32') skipTest(context, 'Windows has no permission bits');
});

const modeOf = async (...path: string[]) => ((await lstat(join(...path))).mode & 0o7777).toString(8);

/** A folder `private` with this mode and these files of some size. */
async function makeSource(mode: number, files: Record<string, number>): Promise<string> {
  const dir = join(await tempDir(), 'private');
  await mkdir(dir);
  for (const [name, size] of Object.entries(files)) await writeContent(join(dir, name), size);
  await chmod(dir, mode);
  return dir;
}

/** Sends as the one that has this home. Resolves with what became of the folder. */
async function send(home: string, address: string, source: string, ...args: string[]) {
  const env = { FTX_HOME: home };
  const exit = await runFtx(['send', source, '--json', '--retry', '0', '--to', address, ...args], { env });
  expect(exit.status, exit.stderr).toBe(0);
  const events = exit.stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line) as Record<string, unknown>] : []));
  return events.find(({ type, path }) => type === 'stored' && path === 'private');
}

/** Kills the receiver when one file of the folder is stored and another one is on its way. Returns its folder. */
async function killInTheMiddle(home: string, source: string, args: readonly string[]): Promise<string> {
  const receiver = await startReceiver(args);
  const proxy = await startProxy(receiver.port, { toReceiver: { stall: 4 * MIB } });
  const sender = startFtx(['send', source, '--retry', '0', '--to', proxy.address], { env: { FTX_HOME: home } });
  await receiver.program.event('stored', ({ path }) => path === 'private/diary');
  await proxy.struck;
  receiver.program.kill('SIGKILL');
  await receiver.program.exit;
  sender.kill('SIGKILL');
  expect(await modeOf(receiver.dir, 'private')).toBe('1700');
  return receiver.dir;
}

describe('a folder that was on its way when the receiver was killed', () => {
  it('stays closed to others, whoever offers it, and is finished by its own sender', async () => {
    const [ann, bob] = [await tempDir(), await tempDir()];
    const source = await makeSource(0o750, { diary: 10, film: 12 * MIB });
    const dir = await killInTheMiddle(ann, source, []);
    const { address } = await startReceiver(['--dir', dir]);
    const attack = await makeSource(0o777, { planted: 10 });
    expect(await send(bob, address, attack)).toMatchObject({ already: true });
    expect(await modeOf(dir, 'private')).toBe('1700');
    expect(await send(ann, address, source)).toMatchObject({ already: false });
    expect(await modeOf(dir, 'private')).toBe('750');
    expect(await send(bob, address, attack)).toMatchObject({ already: true });
    expect(await modeOf(dir, 'private')).toBe('750');
  });

  it('stays closed without a ledger until the user opens it', async () => {
    const ann = await tempDir();
    const source = await makeSource(0o750, { diary: 10, film: 12 * MIB });
    const dir = await killInTheMiddle(ann, source, ['--no-ledger']);
    const { address } = await startReceiver(['--dir', dir, '--no-ledger']);
    expect(await send(ann, address, source)).toMatchObject({ already: true });
    expect(await modeOf(dir, 'private')).toBe('1700');
  });
});

describe('a folder that a receiver has made and not noted', () => {
  it('is taken by whoever comes first when it was killed right after making it', async (context) => {
    await needStrace(context);
    const [ann, bob] = [await tempDir(), await tempDir()];
    const first = await startReceiver();
    const source = await makeSource(0o750, { diary: 10 });
    const trace = await traceProcess(first.program.pid, { calls: ['fsync'], fault: 'signal=KILL:when=1' });
    await runFtx(['send', source, '--retry', '0', '--to', first.address], { env: { FTX_HOME: ann } });
    await trace.stop();
    expect((await first.program.exit).signal).toBe('SIGKILL');
    expect(await modeOf(first.dir, 'private')).toBe('1700');
    const { address } = await startReceiver(['--dir', first.dir]);
    expect(await send(ann, address, source)).toMatchObject({ already: false });
    expect(await modeOf(first.dir, 'private')).toBe('750');
    expect(await send(bob, address, source)).toMatchObject({ already: true });
  });

  it('belongs to nobody as soon as something is in it', async () => {
    const receiver = await startReceiver();
    receiver.program.kill('SIGKILL');
    await receiver.program.exit;
    await mkdir(join(receiver.dir, 'private'));
    await writeFile(join(receiver.dir, 'private/diary'), 'secret');
    await chmod(join(receiver.dir, 'private'), 0o1700);
    const { address } = await startReceiver(['--dir', receiver.dir]);
    const attack = await makeSource(0o777, { planted: 10 });
    expect(await send(await tempDir(), address, attack)).toMatchObject({ already: true });
    expect(await modeOf(receiver.dir, 'private')).toBe('1700');
  });
});
