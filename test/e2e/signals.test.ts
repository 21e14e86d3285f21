import { chmod, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEntry, readStoredNames, readTree, setTime, tempDir, writeContent } from '../support/folders.js';
import { holdSender, send, startReceiver } from '../support/mailbox.js';
import { endOf, repository, startFtx, startProgram } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';

const LARGE = 64 * 1024 * 1024;

describe('a sender stopped in the middle', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s exits %i, leaves nothing, and the receiver goes on', async (signal, status) => {
    const receiver = await startReceiver();
    const sender = await holdSender(receiver, 'half.bin');
    sender.program.kill(signal);
    const exit = await sender.program.exit;
    expect(exit.status, exit.stderr).toBe(status);
    expect(exit.stderr).not.toMatch(/\n\s+at /);

    await receiver.program.event('failed');
    await receiver.program.event('done');
    expect(await readStoredNames(receiver.dir)).toEqual([]);
    const next = join(await tempDir(), 'next.bin');
    await writeContent(next, 100);
    expect((await send(receiver.address, next)).status).toBe(0);
    expect(await readStoredNames(receiver.dir)).toEqual(['next.bin']);
  });

  it('leaves although nothing it says gets through', async () => {
    const receiver = await startReceiver();
    const path = join(await tempDir(), 'large.bin');
    await writeContent(path, LARGE);
    const proxy = await startProxy(receiver.port, { toReceiver: { stall: 3_000_000 } });
    const sender = startFtx(['send', path, '--retry', '0', '--to', proxy.address]);
    await proxy.struck;
    sender.kill('SIGINT');
    expect((await sender.exit).status).toBe(130);
    proxy.resume();
    await receiver.program.event('done');
    expect(await readStoredNames(receiver.dir)).toEqual([]);
  });

  it('by SIGKILL costs its transfer only', async () => {
    const receiver = await startReceiver();
    const sender = await holdSender(receiver, 'half.bin');
    sender.program.kill('SIGKILL');
    await receiver.program.event('done');
    expect(await readStoredNames(receiver.dir)).toEqual([]);
  });
});

describe('a receiver stopped in the middle', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s lets the transfer finish, takes no new one, and exits %i', async (signal, status) => {
    const receiver = await startReceiver();
    const sender = await holdSender(receiver, 'last.bin');
    receiver.program.kill(signal);
    await receiver.program.output('stderr', 'stopping');
    const late = await send(receiver.address, join(import.meta.dirname, '../../package.json'));
    expect([69, 75]).toContain(late.status);

    const sent = await endOf(sender.program);
    expect(sent.status, sent.stderr).toBe(0);
    expect((await receiver.program.exit).status).toBe(status);
    expect(await readStoredNames(receiver.dir)).toEqual(['last.bin']);
    expect(sender.given().equals(await readFile(join(receiver.dir, 'last.bin')))).toBe(true);
  });

  it('drops a transfer that does not finish, and leaves nothing of it', async () => {
    const receiver = await startReceiver();
    const sender = await holdSender(receiver, 'endless.bin');
    receiver.program.kill('SIGTERM');
    expect((await receiver.program.exit).status).toBe(143);
    expect((await sender.program.exit).status).toBe(75);
    expect(await readStoredNames(receiver.dir)).toEqual([]);
  });

  it('twice leaves at once, and nothing stands under the final name', async () => {
    const receiver = await startReceiver();
    const sender = await holdSender(receiver, 'half.bin');
    receiver.program.kill('SIGINT');
    await receiver.program.output('stderr', 'stopping');
    receiver.program.kill('SIGINT');
    expect((await receiver.program.exit).status).toBe(130);
    const sent = await sender.program.exit;
    expect(sent.status, sent.stderr).toBe(75);
    expect(await readStoredNames(receiver.dir)).not.toContain('half.bin');
  });

  it('by SIGKILL leaves nothing under the final name, and the next one on that folder works', async () => {
    const receiver = await startReceiver();
    const sender = await holdSender(receiver, 'half.bin');
    receiver.program.kill('SIGKILL');
    const sent = await sender.program.exit;
    expect(sent.status, sent.stderr).toBe(75);
    expect(await readStoredNames(receiver.dir)).not.toContain('half.bin');

    const again = startFtx(['receive', '--dir', receiver.dir, '--port', '0', '--json']);
    const { port } = await again.event('listening');
    const path = join(await tempDir(), 'half.bin');
    await writeContent(path, 100);
    expect((await send(`127.0.0.1:${port}`, path)).status).toBe(0);
    expect(await readStoredNames(receiver.dir)).toContain('half.bin');
  });
});

it('a tree that was broken off by a SIGKILL of the receiver is in the end as it was sent, folders and all', async () => {
  const receiver = await startReceiver();
  const tree = join(await tempDir(), 'tree');
  await mkdir(join(tree, 'open/shut'), { recursive: true });
  for (const name of ['open/1', 'open/shut/2']) await writeContent(join(tree, name), LARGE);
  for (const [name, mode] of [
    ['open/shut', 0o750],
    ['open', 0o755],
    ['.', 0o755],
  ] as const) {
    await chmod(join(tree, name), mode);
    await setTime(join(tree, name), 1_600_000_000);
  }
  const proxy = await startProxy(receiver.port, { toReceiver: { stall: LARGE / 2 } });
  const sender = startFtx(['send', tree, '--retry', '0', '--to', proxy.address]);
  await proxy.struck;
  receiver.program.kill('SIGKILL');
  expect((await sender.exit).status).toBe(75);

  const again = startFtx(['receive', '--dir', receiver.dir, '--port', '0', '--json']);
  const { port } = await again.event('listening');
  const { status, stderr } = await send(`127.0.0.1:${port}`, tree);
  expect(status, stderr).toBe(0);
  const [arrived, sent] = [await readEntries(receiver.dir, 'tree'), await readEntries(dirname(tree), 'tree')];
  expect(arrived).toEqual(sent);
});

/** The folder of this name as well. */
async function readEntries(dir: string, name: string) {
  return [await readEntry(join(dir, name), name), ...(await readTree(join(dir, name)))];
}

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('a receiver with nothing to do leaves on %s with %i', async (signal, status) => {
  const receiver = await startReceiver();
  receiver.program.kill(signal);
  const exit = await receiver.program.exit;
  expect({ status: exit.status, signal: exit.signal }).toEqual({ status, signal: null });
});

describe('a hangup', () => {
  /** Runs ftx on a terminal of its own, which Python makes, and hangs it up once it listens. */
  const HANG_UP = `
import os, pty, signal, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
seen = b''
while b'port' not in seen: seen += os.read(terminal, 4096)
os.kill(pid, signal.SIGHUP)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;

  it('on a terminal stops the receiver in good order with 129', async () => {
    const args = ['receive', '--plain', '--port', '0', '--dir', join(await tempDir(), 'in')];
    const program = startProgram('python3', [
      '-c',
      HANG_UP,
      process.execPath,
      `${repository}dist/cli/main.js`,
      ...args,
    ]);
    const exit = await endOf(program);
    expect(exit.status, exit.stderr).toBe(129);
  });

  it('without a terminal changes nothing, as nohup wants it', async () => {
    const receiver = await startReceiver();
    receiver.program.kill('SIGHUP');
    const path = join(await tempDir(), 'a');
    await writeContent(path, 100);
    expect((await send(receiver.address, path)).status).toBe(0);
    receiver.program.kill('SIGTERM');
    expect((await receiver.program.exit).status).toBe(143);
  });
});
