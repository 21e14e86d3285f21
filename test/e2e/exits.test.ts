import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { holdSender, send, startReceiver } from '../support/mailbox.js';
import { endOf, repository, runFtx, startFtx, type Exit } from '../support/processes.js';
import { jargon, oneSentence } from '../support/sentences.js';
import { skipTest } from '../support/skips.js';
import { findClosedPort, serve } from '../support/strangers.js';

const note = `${repository}fixtures/files/notes.txt`;

/** One plain sentence on stderr, nothing on stdout, no stack trace. */
function expectFailure(exit: Exit, status: number, says: RegExp = /./): void {
  expect(exit.status, exit.stderr).toBe(status);
  expect(exit.stderr).toMatch(oneSentence);
  expect(exit.stderr).toMatch(says);
  expect(exit.stderr).not.toMatch(jargon);
  expect(exit.stdout).toBe('');
}

describe('64: used in a wrong way', () => {
  it.each([
    ['no command that exists', ['fetch']],
    ['an unknown option', ['send', note, '--to', 'localhost', '--frobnicate']],
    ['an unknown option of receive', ['receive', '--frobnicate']],
    ['send without --to', ['send', note]],
    ['send without a path', ['send', '--to', 'localhost']],
    ['an option without its value', ['send', note, '--to']],
    ['a port that is no number', ['receive', '--port', 'abc']],
    ['a port too large', ['receive', '--port', '65536']],
    ['a negative port', ['receive', '--port', '-1']],
    ['an empty port', ['receive', '--port', '']],
    ['a port that is no number in --to', ['send', note, '--to', 'localhost:abc']],
    ['a port of 0 in --to', ['send', note, '--to', 'localhost:0']],
    ['an empty host', ['send', note, '--to', ':6000']],
    ['an unknown policy', ['receive', '--on-conflict', 'ask']],
    ['a size that is none', ['receive', '--max-size', 'huge']],
    ['no connections allowed', ['receive', '--max-connections', '0']],
    ['a timeout that is none', ['receive', '--timeout', 'soon']],
    ['standard input without --name', ['send', '-', '--to', 'localhost']],
    ['standard input twice', ['send', '-', '-', '--name', 'x', '--to', 'localhost']],
    ['--name for two paths', ['send', note, `${repository}package.json`, '--name', 'x', '--to', 'localhost']],
    ['--classic with a folder', ['send', `${repository}fixtures`, '--classic', '--to', 'localhost']],
    ['an argument too many', ['receive', 'folder']],
  ])('%s', async (_, args) => {
    // In a folder of its own, in case it is not refused after all.
    expectFailure(await runFtx(args, { cwd: await tempDir() }), 64);
  });
});

it('help and version are no failures', async () => {
  const help = await runFtx(['--help']);
  expect(help.status).toBe(0);
  for (const code of [64, 66, 68, 69, 73, 74, 75, 76, 77, 130, 143]) expect(help.stdout).toContain(String(code));
  for (const command of ['send', 'receive']) {
    const own = await runFtx([command, '--help']);
    expect([own.status, own.stderr]).toEqual([0, '']);
    expect(own.stdout).toContain(`ftx ${command}`);
  }
  const version = await runFtx(['--version']);
  expect([version.status, version.stdout.split('\n')[0]]).toEqual([0, '0.1.0']);
});

describe('66: the input', () => {
  it('is missing, and nothing is sent', async () => {
    const receiver = await startReceiver();
    expectFailure(await send(receiver.address, '/nowhere/photo.jpg'), 66, /photo\.jpg/);
    const both = await send(receiver.address, note, '/nowhere/photo.jpg');
    expectFailure(
      both,
      66,
      /^ftx: \/nowhere\/photo\.jpg: no such file or folder\. Check the path\. Nothing was sent\.\n$/,
    );
    expect(await readNames(receiver.dir)).toEqual([]);
    expectFailure(await send(receiver.address, ''), 66);
  });

  it('is neither file nor folder', async () => {
    const receiver = await startReceiver();
    expectFailure(await send(receiver.address, '/dev/null'), 66, /\/dev\/null/);
    expect(await readNames(receiver.dir)).toEqual([]);
  });
});

it('68: the host is unknown', async () => {
  expectFailure(await send('nosuch.invalid', note), 68, /nosuch\.invalid/);
});

describe('69: no connection', () => {
  it('as nothing listens there', async () => {
    const port = await findClosedPort();
    expectFailure(await send(`127.0.0.1:${port}`, note), 69, new RegExp(`127\\.0\\.0\\.1.*${port}`));
    expectFailure(await send(`[::1]:${port}`, note), 69, new RegExp(String(port)));
  });

  it('as the port is in use', async () => {
    const receiver = await startReceiver();
    const exit = await runFtx(['receive', '--port', String(receiver.port), '--dir', await tempDir()]);
    expectFailure(exit, 69, new RegExp(String(receiver.port)));
  });

  it('as the address is not one of this machine', async () => {
    const args = ['receive', '--port', '0', '--dir', await tempDir(), '--host'];
    expectFailure(await runFtx([...args, '192.0.2.1']), 69, /no such address/);
    expectFailure(await runFtx([...args, 'nosuch.invalid']), 68, /nosuch\.invalid/);
  });
});

describe('73: the folder', () => {
  it('is a file', async () => {
    const file = join(await tempDir(), 'file');
    await writeFile(file, '');
    expectFailure(await runFtx(['receive', '--port', '0', '--dir', file]), 73, /file/);
  });

  it('is below a file', async () => {
    const file = join(await tempDir(), 'file');
    await writeFile(file, '');
    expectFailure(await runFtx(['receive', '--port', '0', '--dir', join(file, 'sub')]), 73, /sub/);
  });
});

describe('74: the disk', () => {
  it('is full', async (context) => {
    const dir = join(await tempDir(), 'small');
    await mkdir(dir);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'ftx-test', dir], { stdio: 'pipe' });
    } catch {
      skipTest(context, 'a small disk cannot be mounted here: it takes root on Linux');
    }
    onTestFinished(() => void execFileSync('umount', ['-l', dir]));
    const receiver = await startReceiver(['--dir', dir]);
    const large = join(await tempDir(), 'large.bin');
    await writeContent(large, 5_000_000);
    expectFailure(await send(receiver.address, large), 74, /large\.bin/);
    await receiver.program.event('failed', ({ code }) => code === 'no-space');
    expect(await readNames(dir)).toEqual([]);
    expect((await send(receiver.address, note)).status).toBe(0);
  });
});

it('75: too many connections', async () => {
  const receiver = await startReceiver(['--max-connections', '1']);
  await holdSender(receiver, 'first.bin');
  expectFailure(await send(receiver.address, note), 75);
});

describe('76: not ftx on the other side', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['an HTTP server', (socket) => void socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))],
    ['an SSH server', (socket) => void socket.write('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n')],
    ['a newer ftx', (socket) => void socket.write('ftx/2\n')],
    ['a greeting and then nonsense', (socket) => void socket.write(`ftx/1\n${'?'.repeat(1000)}`)],
  ])('%s', async (_, talk) => {
    expectFailure(await send(await serve(talk), note), 76);
  });
});

it('77: too large', async () => {
  const receiver = await startReceiver(['--max-size', '1K']);
  const [small, large] = [join(await tempDir(), 'small.bin'), join(await tempDir(), 'large.bin')];
  await writeContent(small, 1024);
  await writeContent(large, 1025);
  expectFailure(await send(receiver.address, large), 77, /large\.bin/);
  expect((await send(receiver.address, small)).status).toBe(0);
  const both = await send(receiver.address, large, note);
  expect(both.status).toBe(77);
  expect(await readNames(receiver.dir)).toEqual(['notes.txt', 'small.bin']);
});

it('a name that leads out of the folder goes nowhere', async () => {
  const receiver = await startReceiver();
  for (const name of ['../x', '/tmp/x', '..', 'a/../../x', 'nul\u0001x', 'C:x', 'CON']) {
    const exit = await send(receiver.address, note, '--name', name);
    expect([64, 77], exit.stderr).toContain(exit.status);
    expectFailure(exit, exit.status!);
  }
  expect(await readNames(dirname(receiver.dir))).toEqual(['received']);
});

it('77: a stream that grows too large', async () => {
  const receiver = await startReceiver(['--max-size', '5M']);
  const sender = startFtx(['send', '-', '--name', 'stream.bin', '--to', receiver.address]);
  sender.stdin.write(Buffer.alloc(6_000_000));
  expectFailure(await endOf(sender), 77, /stream\.bin/);
  expect(await readNames(receiver.dir)).toEqual([]);
});

it('a first failure of several decides the exit code, and each is told', async () => {
  const receiver = await startReceiver(['--on-conflict', 'fail', '--max-size', '1M']);
  const dir = await tempDir();
  await writeContent(join(dir, 'large.bin'), 1_100_000);
  await writeContent(join(dir, 'twice.bin'), 10);
  expect((await send(receiver.address, join(dir, 'twice.bin'))).status).toBe(0);
  await writeContent(join(dir, 'twice.bin'), 11);
  const { status, stderr } = await send(receiver.address, join(dir, 'large.bin'), join(dir, 'twice.bin'), note);
  expect(status).toBe(77);
  expect(stderr).toMatch(/large\.bin/);
  expect(stderr).toMatch(/twice\.bin/);
  expect(await readNames(receiver.dir)).toEqual(['notes.txt', 'twice.bin']);
});

it('a peer that connects and leaves is no failure of the receiver', async () => {
  const receiver = await startReceiver();
  const caller = connect(receiver.port, '127.0.0.1');
  await new Promise((closed) => caller.end().resume().on('close', closed));
  expect((await send(receiver.address, note)).status).toBe(0);
});
