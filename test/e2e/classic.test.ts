import { spawnSync } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { hashFile, readNames, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { endOf, repository, startFtx, startProgram, type Exit, type Program } from '../support/processes.js';
import { skipTest } from '../support/skips.js';
import { serve } from '../support/strangers.js';

const MIB = 1024 * 1024;
const photo = `${repository}fixtures/files/photo.jpg`;
const python = ['python3', 'python'].find((name) => spawnSync(name, ['--version']).status === 0);

function needPython(context: TestContext): void {
  if (python === undefined) skipTest(context, 'the classic peers are written in Python, which is not installed');
}

function startPeer(script: string, args: readonly (string | number)[]): Program {
  return startProgram(python!, [`${repository}test/support/classic/${script}`, ...args.map(String)]);
}

function runClassicSender(receiver: Mailbox, path: string, ...args: (string | number)[]): Promise<Exit> {
  return endOf(startPeer('classic_send.py', ['127.0.0.1', receiver.port, path, ...args]));
}

async function makeFile(size: number, name = 'file.bin'): Promise<string> {
  const path = join(await tempDir(), name);
  await writeContent(path, size);
  return path;
}

describe('a classic sender', () => {
  beforeEach(needPython);

  it.each([
    ['the picture', undefined, []],
    ['0 bytes', 0, []],
    ['1 byte', 1, []],
    ['1 MiB', MIB, []],
    ['5 MiB + 3', 5 * MIB + 3, []],
    ['5 MiB + 3 with its digits in 3 segments', 5 * MIB + 3, ['--split', 3]],
    ['the picture with its digits one by one', undefined, ['--split', 6]],
  ])('of %s arrives byte for byte under a name made from date and time', async (_, size, args) => {
    const receiver = await startReceiver();
    const path = size === undefined ? photo : await makeFile(size);
    const { status, stderr } = await runClassicSender(receiver, path, ...args);
    expect(status, stderr).toBe(0);
    const stored = await receiver.program.event('stored');
    expect(stored).toMatchObject({ digest: null, already: false });
    expect(stored.as).toMatch(/20\d\d.?\d\d.?\d\d/);
    expect(await readNames(receiver.dir)).toEqual([stored.as]);
    expect(await hashFile(join(receiver.dir, stored.as))).toBe(await hashFile(path));
    expect(await receiver.program.event('connected')).toMatchObject({ protocol: 'classic' });
  });

  it.each([
    ['dies early', ['--die-after', '1000000'], 'failed'],
    ['dies at once', ['--die-after', '0'], 'failed'],
    ['sends one byte too many', ['--extra', '1'], 'failed'],
    ['sends far too many', ['--extra', '3000000'], 'failed'],
    ['announces letters', ['--announce', 'abc'], undefined],
    ['announces an exponent', ['--announce', '1e9'], 'failed'],
    ['announces leading zeros', ['--announce', '007'], 'failed'],
    ['announces 30 digits', ['--announce', '1'.repeat(30)], 'failed'],
    ['announces one byte more than 2^53-1', ['--announce', '9007199254740992'], 'failed'],
    ['announces a sign', ['--announce=-5'], undefined],
    ['announces a line', ['--announce', '5\n'], 'failed'],
  ] as const)('that %s loses only its own transfer', async (_, args, event) => {
    const receiver = await startReceiver();
    await runClassicSender(receiver, await makeFile(2 * MIB + 7), ...args);
    if (event !== undefined) {
      await receiver.program.event(event);
      await receiver.program.event('done');
    }
    expect(await readNames(receiver.dir)).toEqual([]);

    expect((await runClassicSender(receiver, photo)).status).toBe(0);
    expect((await send(receiver.address, photo)).status).toBe(0);
    const names = await readNames(receiver.dir);
    expect(names).toHaveLength(2);
    for (const name of names) expect(await hashFile(join(receiver.dir, name))).toBe(await hashFile(photo));
  });

  it('that is one of ten at once gets its own file', async () => {
    const receiver = await startReceiver();
    const paths = await Promise.all(Array.from({ length: 10 }, (_, i) => makeFile(100_000 + i)));
    const exits = await Promise.all(paths.map((path) => runClassicSender(receiver, path)));
    expect(exits.map(({ status }) => status)).toEqual(paths.map(() => 0));
    const names = await readNames(receiver.dir);
    const arrived = await Promise.all(names.map((name) => hashFile(join(receiver.dir, name))));
    expect(arrived.sort()).toEqual((await Promise.all(paths.map(hashFile))).sort());
  });

  it('is refused with --no-classic and over --max-size', async () => {
    const refusing = await startReceiver(['--no-classic']);
    const no = await runClassicSender(refusing, photo);
    expect(no.stderr).toContain('refused');
    const small = await startReceiver(['--max-size', '100K']);
    const large = await runClassicSender(small, photo);
    expect(large.stderr).toContain('not ready');
    expect([...(await readNames(refusing.dir)), ...(await readNames(small.dir))]).toEqual([]);
    expect((await send(refusing.address, photo)).status).toBe(0);
  });

  it('that stops in the middle ends by the time limit', async () => {
    const receiver = await startReceiver(['--timeout', '1']);
    // Announced as more than there is, the sender waits for the receiver to close.
    const { status } = await runClassicSender(receiver, photo, '--announce', '99999999');
    expect([0, 1]).toContain(status);
    await receiver.program.event('failed');
    await receiver.program.event('done');
    expect(await readNames(receiver.dir)).toEqual([]);
  });
});

describe('ftx send --classic', () => {
  beforeEach(needPython);

  it.each([
    ['the picture', undefined],
    ['0 bytes', 0],
    ['1 byte', 1],
    ['5 MiB + 3', 5 * MIB + 3],
  ])('drops %s into a classic receiver', async (_, size) => {
    const path = size === undefined ? photo : await makeFile(size);
    const arrived = join(await tempDir(), 'arrived.bin');
    const peer = startPeer('classic_receive.py', [0, arrived]);
    const port = (await peer.output('stdout', /\d+\n/)).trim();
    const { status, stdout, stderr } = await send(`127.0.0.1:${port}`, '--classic', path, '--json');
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('"type":"sent"');
    expect(stdout).not.toContain('"type":"stored"');
    const exit = await peer.exit;
    expect(exit.status, exit.stderr).toBe(0);
    expect(await hashFile(arrived)).toBe(await hashFile(path));
  });
});

describe('ftx send --classic to ftx receive', () => {
  it('arrives', async () => {
    const receiver = await startReceiver();
    const { status, stderr } = await send(receiver.address, '--classic', photo);
    expect(status, stderr).toBe(0);
    const { as } = await receiver.program.event('stored');
    expect(await hashFile(join(receiver.dir, as))).toBe(await hashFile(photo));
  });

  it('that refuses exits 77', async () => {
    const receiver = await startReceiver(['--no-classic']);
    const { status, stderr } = await send(receiver.address, '--classic', photo);
    expect(status, stderr).toBe(77);
  });
});

describe('a classic receiver', () => {
  it.each<[string, number, (socket: Socket) => void]>([
    ['says nothing that is ready', 76, (socket) => void socket.on('data', () => socket.end('steady'))],
    ['refuses', 77, (socket) => void socket.on('data', () => socket.end('refused: not today\n'))],
    ['closes without a word', 75, (socket) => void socket.on('data', () => socket.end())],
    [
      'closes in the middle',
      75,
      (socket) =>
        void socket.once('data', () =>
          socket.write('ready', () => socket.once('data', () => socket.resetAndDestroy())),
        ),
    ],
  ])('that %s makes ftx send exit %i', async (_, status, talk) => {
    const path = await makeFile(20 * MIB);
    const exit = await send(await serve(talk), '--classic', path);
    expect(exit.status, exit.stderr).toBe(status);
    expect(exit.stderr).toMatch(/^ftx: /);
  });

  it('that stops reading makes ftx send exit 75 by its time limit', async () => {
    const path = await makeFile(20 * MIB);
    const address = await serve((socket) => void socket.once('data', () => socket.pause().write('ready')));
    const sender = startFtx(['send', path, '--classic', '--to', address, '--timeout', '1']);
    const { status, stderr } = await endOf(sender);
    expect(status, stderr).toBe(75);
  });
});
