/** What holds against those on the way, beside the way, and at the wrong end of it. */
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { createIdentity } from '../../src/identity/identity.js';
import { eavesdrop } from '../support/eavesdropper.js';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { send, sendPlain, startPlainReceiver, startReceiver, type Mailbox } from '../support/mailbox.js';
import { identityOf, newHome, note, sendFrom } from '../support/homes.js';
import { standBetween } from '../support/hostile-tls.js';
import { endOf, runFtx, startProgram } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';
import { jargon } from '../support/sentences.js';
import { skipTest } from '../support/skips.js';
import { serve } from '../support/strangers.js';

interface Answer {
  readonly protocol: string | null;
  /** What came after the handshake, and what went wrong. */
  readonly text: string;
  readonly error: Error | undefined;
}

/** A TLS client that says something once it may, and hears all until the port closes. */
function ask(port: number, options: object, words = ''): Promise<Answer> {
  return new Promise((resolve) => {
    let text = '';
    let error: Error | undefined;
    let protocol: string | null = null;
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
      protocol = socket.getProtocol();
      socket.write(words);
    });
    socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
    socket.on('error', (reason: Error) => (error = reason));
    socket.on('close', () => resolve({ protocol, text, error }));
  });
}

const asClient = () => {
  const { key, certificate: cert } = createIdentity();
  return { key, cert, ALPNProtocols: ['ftx/1'] };
};

async function expectServing(receiver: Mailbox): Promise<void> {
  expect((await send(receiver.address, note)).status).toBe(0);
  expect(await readNames(receiver.dir)).toEqual(['notes.txt']);
}

describe('two homes on one machine', () => {
  it('the receiver is remembered at the first meeting, and only then talked of', async () => {
    const [here, there] = [await newHome(), await newHome()];
    const receiver = await startReceiver([], { env: there.env });
    const identity = await identityOf(there.env);
    expect(receiver.listening.identity).toBe(identity);
    const first = await sendFrom(here.env, receiver.address);
    expect(first.stderr).toContain(`${receiver.address} is new here`);
    expect(first.stderr).toContain(identity);
    const second = await sendFrom(here.env, receiver.address);
    expect([second.status, second.stderr]).toEqual([0, expect.not.stringContaining('new here')]);
    expect((await runFtx(['peers'], { env: here.env })).stdout).toContain(`${receiver.address}  `);
    expect(await identityOf(here.env)).not.toBe(identity);
  });

  it('files of a home are for its user alone', async () => {
    const [here, there] = [await newHome(), await newHome()];
    await sendFrom(here.env, (await startReceiver([], { env: there.env })).address);
    for (const name of ['identity.pem', 'peers.json'])
      expect((await stat(join(here.home, name))).mode & 0o777).toBe(0o600);
  });

  it('fifty senders that begin at once make one identity and lose no peer', async () => {
    const here = await newHome();
    const receivers = await Promise.all(Array.from({ length: 5 }, () => startReceiver()));
    const exits = await Promise.all(
      Array.from({ length: 50 }, (_, i) => sendFrom(here.env, receivers[i % 5]!.address, '--name', `${i}.txt`)),
    );
    expect(exits.map(({ status, stderr }) => (status === 0 ? 0 : stderr))).toEqual(exits.map(() => 0));
    const { stdout } = await runFtx(['peers'], { env: here.env });
    expect(stdout.trim().split('\n')).toHaveLength(5);
  });
});

describe('somebody in the middle', () => {
  it('with another identity than the known one hears nothing, and is forgotten only by command', async () => {
    const [here, there, other] = [await newHome(), await newHome(), await newHome()];
    const receiver = await startReceiver([], { env: there.env });
    expect((await sendFrom(here.env, receiver.address)).status).toBe(0);
    receiver.program.kill('SIGKILL');
    await receiver.program.exit;
    const impostor = await startReceiver(['--port', String(receiver.port)], { env: other.env });

    const refused = await sendFrom(here.env, impostor.address);
    expect(refused.status).toBe(77);
    for (const shown of [
      await identityOf(there.env),
      await identityOf(other.env),
      `ftx peers forget ${impostor.address}`,
    ])
      expect(refused.stderr).toContain(shown);
    expect(refused.stderr).not.toMatch(jargon);
    expect(await readNames(impostor.dir)).toEqual([]);

    expect((await runFtx(['peers', 'forget', impostor.address], { env: here.env })).status).toBe(0);
    expect((await sendFrom(here.env, impostor.address)).status).toBe(0);
    expect((await runFtx(['peers', 'forget', 'nobody'], { env: here.env })).status).toBe(66);
  });

  it('with another identity than the one that is given hears no name, also at the first meeting', async () => {
    const { env } = await newHome();
    const wanted = `sha256:${'0'.repeat(64)}`;
    const middle = await standBetween((await startReceiver()).port);
    const { status, stderr } = await sendFrom(env, middle.address, '--peer', wanted, '--json');
    expect([status, stderr]).toEqual([77, expect.stringContaining(wanted)]);
    expect(middle.heard()).toBe('');
    expect((await runFtx(['peers'], { env })).stdout).toBe('');
  });

  it('the right identity that is given lets the transfer through', async () => {
    const receiver = await startReceiver();
    const { status } = await sendFrom((await newHome()).env, receiver.address, '--peer', receiver.listening.identity!);
    expect(status).toBe(0);
    expect((await send(receiver.address, note, '--peer', 'sha256:12')).status).toBe(64);
    expect((await send(receiver.address, note, '--plain', '--peer', receiver.listening.identity!)).status).toBe(64);
  });

  it('who only listens learns neither name nor content', async () => {
    const receiver = await startReceiver();
    const middle = await eavesdrop(receiver.port);
    const path = join(await tempDir(), 'very-secret-name.txt');
    const content = 'a line that nobody else shall read\n'.repeat(1000);
    await writeFile(path, content);
    expect((await send(middle.address, path)).status).toBe(0);
    expect(await readFile(join(receiver.dir, 'very-secret-name.txt'), 'utf8')).toBe(content);
    const heard = middle.heard();
    expect(heard.length).toBeGreaterThan(content.length);
    for (const secret of ['very-secret-name', 'nobody else', 'very', 'offer', 'stored'])
      expect(heard.includes(secret)).toBe(false);
  });

  it('who says again what he has recorded gets nowhere', async () => {
    const receiver = await startReceiver();
    const middle = await eavesdrop(receiver.port);
    expect((await send(middle.address, note)).status).toBe(0);
    await middle.sayAgain();
    expect(await readNames(receiver.dir)).toEqual(['notes.txt']);
    expect(receiver.program.events().filter(({ type }) => type === 'connected')).toHaveLength(1);
  });

  it('a bit that he turns over ends the connection, and sending again works', async () => {
    const receiver = await startReceiver();
    const path = join(await tempDir(), 'file.bin');
    await writeContent(path, 3_000_000);
    for (const [i, flip] of [100, 700, 1500, 40_000, 2_000_000].entries()) {
      const proxy = await startProxy(receiver.port, { toReceiver: { flip, bit: i } });
      const { status, stderr } = await send(proxy.address, path, '--name', `${i}.bin`);
      await proxy.struck;
      expect([75, 76], stderr).toContain(status);
    }
    expect((await readNames(receiver.dir)).filter((name) => !name.startsWith('.ftx-'))).toEqual([]);
    expect((await send(receiver.address, path)).status).toBe(0);
  });
});

it('what has arrived of a file goes on only for the identity that has sent it', async () => {
  const MIB = 1024 * 1024;
  const [here, other, receiver] = [await newHome(), await newHome(), await startReceiver()];
  const file = join(await tempDir(), 'film.bin');
  await writeContent(file, 64 * MIB + 5);
  const sendThrough = async ({ env }: typeof here, cut?: number) => {
    const proxy = await startProxy(receiver.port, cut === undefined ? {} : { toReceiver: { cut } });
    const { status, stdout } = await runFtx(['send', file, '--retry', '0', '--json', '--to', proxy.address], { env });
    const resumed = stdout.includes('"type":"resumed"');
    return { status, resumed, passed: proxy.passed.toReceiver };
  };
  expect(await sendThrough(here, 40 * MIB)).toMatchObject({ status: 75, resumed: false });
  expect(await sendThrough(here, 10 * MIB)).toMatchObject({ status: 75, resumed: true });
  const stranger = await sendThrough(other);
  expect(stranger).toMatchObject({ status: 0, resumed: false });
  expect(stranger.passed).toBeGreaterThan(64 * MIB);
  const { stdout: left } = await runFtx(['receive', '--list-parts', '--dir', receiver.dir]);
  expect(left).toContain((await runFtx(['id'], { env: here.env })).stdout.split('\n')[0]);
});

describe('nobody gets less than TLS 1.3 and ftx/1', () => {
  it('as openssl sees it', async (context) => {
    if (spawnSync('openssl', ['version']).status !== 0) skipTest(context, 'openssl is not installed');
    const receiver = await startReceiver();
    const look = async (...args: string[]) =>
      (await endOf(startProgram('openssl', ['s_client', '-connect', receiver.address, '-alpn', 'ftx/1', ...args])))
        .stdout;
    const modern = await look();
    for (const fact of ['New, TLSv1.3', 'ALPN protocol: ftx/1', 'CN = ftx']) expect(modern).toContain(fact);
    for (const old of ['-tls1_2', '-tls1_1', '-tls1']) expect(await look(old)).toContain('New, (NONE)');
    await expectServing(receiver);
  });

  it('nor goes on with a TLS session of before, whatever its library offers for that', async () => {
    const receiver = await startReceiver();
    const client = { ...asClient(), port: receiver.port, host: '127.0.0.1', rejectUnauthorized: false };
    const connect = async (options: object) => {
      const socket = connectTls({ ...client, ...options });
      let session: Buffer | undefined;
      socket.on('session', (offered: Buffer) => (session = offered));
      await once(socket, 'secureConnect');
      session ??= socket.getSession();
      socket.write('ftx/1\n');
      // What the library of the receiver says of sessions comes before the greeting.
      await once(socket, 'data');
      const isReused = socket.isSessionReused();
      socket.destroy();
      return { session, isReused };
    };
    const { session } = await connect({});
    expect(await connect({ session })).toMatchObject({ isReused: false });
  });

  it.each(['TLSv1', 'TLSv1.1', 'TLSv1.2'] as SecureVersion[])('not by %s', async (version) => {
    const receiver = await startReceiver();
    const { protocol, text, error } = await ask(receiver.port, {
      ...asClient(),
      minVersion: version,
      maxVersion: version,
    });
    expect([protocol, text, error !== undefined]).toEqual([null, '', true]);
    await expectServing(receiver);
  });

  it.each<[string, (client: ReturnType<typeof asClient>) => object]>([
    ['no ALPN', ({ key, cert }) => ({ key, cert })],
    ['another ALPN', (client) => ({ ...client, ALPNProtocols: ['http/1.1'] })],
    ['no certificate', () => ({ ALPNProtocols: ['ftx/1'] })],
  ])('not with %s', async (_, options) => {
    const receiver = await startReceiver();
    const { text } = await ask(receiver.port, options(asClient()), 'ftx/1\n');
    expect(text).toBe('');
    await expectServing(receiver);
  });

  it.each([
    ['classic', '5'],
    ['HTTP', 'GET / HTTP/1.1\r\n\r\n'],
    ['TLS', '\x16\x03\x01'],
  ])('not for %s inside of TLS', async (_, words) => {
    const receiver = await startReceiver();
    const { protocol, text } = await ask(receiver.port, asClient(), words);
    expect(protocol).toBe('TLSv1.3');
    expect(text).not.toMatch(/ready|ftx\/1\n/);
    await expectServing(receiver);
  });

  it('garbage after the first byte of TLS harms nobody', async () => {
    const receiver = await startReceiver();
    for (const garbage of [
      Buffer.alloc(20_000, 0x16),
      Buffer.from('160301ffff', 'hex'),
      Buffer.from([0x16, ...Buffer.from('garbage')]),
    ]) {
      const socket = connect(receiver.port, '127.0.0.1', () => socket.end(garbage));
      await once(socket.on('error', () => undefined).resume(), 'close');
    }
    await expectServing(receiver);
  });

  it('a sender without encryption is told why it is refused, and the other way round', async () => {
    const [secure, plain] = [await startReceiver(), await startPlainReceiver()];
    const refused = await sendPlain(secure.address, note);
    expect([refused.status, refused.stderr]).toEqual([77, expect.stringContaining('encrypted senders only')]);
    const other = await send(plain.address, note);
    expect([other.status, other.stderr]).toEqual([77, expect.stringContaining('takes no encrypted senders')]);
    expect([await readNames(secure.dir), await readNames(plain.dir)]).toEqual([[], []]);
    expect((await sendPlain(plain.address, note)).status).toBe(0);
  });
});

it('who stops in the middle of the handshake is let go by its time limit, on both sides', async () => {
  const receiver = await startReceiver();
  const stalled = connect(receiver.port, '127.0.0.1', () => stalled.write(Buffer.from('1603010200', 'hex')));
  const dropped = once(stalled.on('error', () => undefined).resume(), 'close');
  // A server that reads and never answers: between two of ours, either could be the first to lose patience.
  const { status, stderr } = await send(await serve((socket) => void socket.resume()), note);
  expect([status, stderr]).toEqual([75, expect.stringContaining('TLS handshake')]);
  await dropped;
  await expectServing(receiver);
});

describe('a home', () => {
  it('whose key others can read is refused with what mends it', async () => {
    const { home, env } = await newHome();
    await identityOf(env);
    const key = join(home, 'identity.pem');
    await chmod(key, 0o644);
    const receiver = await startReceiver();
    const { status, stderr } = await sendFrom(env, receiver.address);
    expect([status, stderr]).toEqual([78, expect.stringContaining(`chmod 600 ${key}`)]);
    await chmod(key, 0o600);
    expect((await sendFrom(env, receiver.address)).status).toBe(0);
  });

  it.each(['identity.pem', 'peers.json'])('whose %s is damaged is reported and left as it is', async (name) => {
    const { home, env } = await newHome();
    await mkdir(home);
    await writeFile(join(home, name), 'not this', { mode: 0o600 });
    const { status, stderr } = await sendFrom(env, (await startReceiver()).address);
    expect([status, stderr]).toEqual([78, expect.stringContaining(name)]);
    expect(await readFile(join(home, name), 'utf8')).toBe('not this');
  });

  it('that cannot be written is told, and --plain does without', async () => {
    const file = join(await tempDir(), 'file');
    await writeFile(file, '');
    const env = { FTX_HOME: join(file, 'home') };
    const receiver = await startPlainReceiver([], { env });
    const { status, stderr } = await sendFrom(env, receiver.address);
    expect([status, stderr]).toEqual([78, expect.stringContaining('--plain')]);
    expect((await sendFrom(env, receiver.address, '--plain')).status).toBe(0);
    expect((await runFtx(['receive', '--port', '0', '--dir', await tempDir()], { env })).status).toBe(78);
  });

  it('gives its secret away nowhere', async (context) => {
    if (process.platform !== 'linux')
      skipTest(context, 'what a process was started with is read from /proc, which is of Linux');
    const [here, there] = [await newHome(), await newHome()];
    const receiver = await startReceiver([], { env: there.env });
    const loud = await sendFrom(here.env, receiver.address, '--json');
    const failed = await sendFrom(here.env, receiver.address, '--peer', `sha256:${'0'.repeat(64)}`);
    const listed = await readFile(`/proc/${receiver.program.pid}/cmdline`, 'latin1');
    const inherited = await readFile(`/proc/${receiver.program.pid}/environ`, 'latin1');
    const said = [
      loud.stdout,
      loud.stderr,
      failed.stdout,
      failed.stderr,
      receiver.program.tail(),
      listed,
      inherited,
    ].join('\n');
    for (const { home } of [here, there]) {
      const [secret = ''] =
        /(?<=PRIVATE KEY-----\n)[^\n]+/.exec(await readFile(join(home, 'identity.pem'), 'utf8')) ?? [];
      expect(secret).toHaveLength(64);
      expect(said).not.toContain(secret);
      expect(said).not.toContain('PRIVATE KEY');
    }
  });
});
