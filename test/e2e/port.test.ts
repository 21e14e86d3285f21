import { get } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, type TestContext } from 'vitest';
import { readNames, tempDir } from '../support/folders.js';
import { holdSender, send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { endOf, repository, runFtx, startFtx, startProgram, type Program } from '../support/processes.js';
import { skipTest } from '../support/skips.js';

const note = `${repository}fixtures/files/notes.txt`;

/** Everything the port answers to these bytes until it closes. */
function ask(receiver: Mailbox, bytes: string | Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const answer: Buffer[] = [];
    const socket = connect(receiver.port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (data) => answer.push(data));
    socket.on('error', reject).on('close', () => resolve(Buffer.concat(answer)));
  });
}

async function expectServing(receiver: Mailbox): Promise<void> {
  expect(await readNames(receiver.dir)).toEqual([]);
  expect((await send(receiver.address, note)).status).toBe(0);
}

it('a browser gets a short answer that HTTP understands', async () => {
  const receiver = await startReceiver();
  const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    get(`http://127.0.0.1:${receiver.port}/`, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (data: string) => (body += data));
      response.on('end', () => resolve({ status: response.statusCode, body })).on('error', reject);
    }).on('error', reject);
  });
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.body).toContain('ftx');
  const raw = (await ask(receiver, 'POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc')).toString();
  expect(raw).toMatch(/^HTTP\/1\.1 [45]\d\d .*\r\n/);
  expect(raw).toMatch(/\r\nConnection: close\r\n/i);
  await expectServing(receiver);
});

it('a TLS client of a plain receiver is told at once that there is no TLS', async () => {
  const receiver = await startReceiver(['--plain']);
  const error = await new Promise<Error>((resolve) => {
    connectTls({ port: receiver.port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', resolve);
  });
  expect(error.message).toMatch(/alert|handshake/i);
  const alert = await ask(receiver, Uint8Array.of(0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3));
  expect(alert.toString('hex')).toBe('15030100020228');
  expect((await send(receiver.address, note, '--plain')).status).toBe(0);
});

it('anything else is closed without an answer', async () => {
  const receiver = await startReceiver();
  for (const nonsense of ['hello', '\n', '\0\0\0\0', Uint8Array.of(0xff, 0xfe)]) {
    expect((await ask(receiver, nonsense)).length).toBe(0);
  }
  await expectServing(receiver);
});

it('another version of ftx is closed', async () => {
  const receiver = await startReceiver();
  await ask(receiver, 'ftx/2\n');
  await ask(receiver, `ftx/1\n${'!'.repeat(10_000)}`);
  await expectServing(receiver);
});

it('--once leaves after the first session, with 0', async () => {
  const receiver = await startReceiver(['--once']);
  expect((await send(receiver.address, note)).status).toBe(0);
  const exit = await receiver.program.exit;
  expect(exit.status, exit.stderr).toBe(0);
  expect(await readNames(receiver.dir)).toEqual(['notes.txt']);
});

it('--once after a session that failed does not leave with 0', async () => {
  const receiver = await startReceiver(['--once']);
  const sender = await holdSender(receiver, 'half.bin');
  sender.program.kill('SIGKILL');
  const exit = await receiver.program.exit;
  expect([0, null]).not.toContain(exit.status);
  expect(await readNames(receiver.dir)).toEqual([]);
});

it('a sender over the limit of connections is told to try again, the one inside is not disturbed', async () => {
  const receiver = await startReceiver(['--max-connections', '1']);
  const first = await holdSender(receiver, 'first.bin');
  const second = await send(receiver.address, note);
  expect(second.status, second.stderr).toBe(75);
  expect((await endOf(first.program)).status).toBe(0);
  await receiver.program.event('done', ({ stored }) => stored === 1);
  expect((await send(receiver.address, note)).status).toBe(0);
});

it('it listens on IPv4 and IPv6, and says on which addresses', async (context) => {
  const receiver = await startReceiver();
  for (const address of receiver.listening.addresses) expect(address).toMatch(/^[\w.:%]+$/);
  expect((await send(`localhost:${receiver.port}`, note)).status).toBe(0);
  const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
  if (!hasIPv6) skipTest(context, 'this machine has no IPv6 loopback');
  expect((await send(`[::1]:${receiver.port}`, note)).status).toBe(0);
});

describe('where IPv6 is switched off', () => {
  const SWITCH_OFF = 'ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6';

  /** Runs ftx in a network of its own, without IPv6. */
  async function startWithoutIPv6(context: TestContext, args: readonly string[]): Promise<Program> {
    const probe = startProgram('unshare', ['-n', 'sh', '-c', SWITCH_OFF]);
    const ended = await endOf(probe).catch(() => undefined);
    if (ended?.status !== 0) skipTest(context, 'IPv6 cannot be switched off here: it takes root on Linux');
    const command = [
      process.execPath,
      `${repository}dist/cli/main.js`,
      ...args,
      '--dir',
      await tempDir(),
      '--port',
      '0',
    ];
    return startProgram('unshare', ['-n', 'sh', '-c', `${SWITCH_OFF} && exec "$0" "$@"`, ...command]);
  }

  it('a receiver listens on IPv4, and names no other address', async (context) => {
    const receiver = await startWithoutIPv6(context, ['receive', '--json']);
    const { addresses } = await receiver.event('listening');
    expect(addresses.filter((address) => address.includes(':'))).toEqual([]);
  });

  it('a receiver that shall listen on IPv6 says why it cannot', async (context) => {
    const exit = await endOf(await startWithoutIPv6(context, ['receive', '--host', '::1']));
    expect(exit.status, exit.stderr).toBe(69);
    expect(exit.stderr).toMatch(/^ftx: Cannot listen on \[::1\]:0: IPv6 is switched off on this machine\. [^\n]*\n$/);
  });
});

it('--host listens on that address only', async () => {
  const receiver = await startReceiver(['--host', '127.0.0.1']);
  expect((await send(receiver.address, note)).status).toBe(0);
  expect((await send(`[::1]:${receiver.port}`, note)).status).toBe(69);
});

it('without --json the receiver talks to people on stderr and leaves stdout alone', async () => {
  const { dir } = await startReceiver();
  const receiver = startFtx(['receive', '--port', '0', '--dir', dir]);
  const banner = await receiver.output('stderr', /on port \d+[^]*ftx send/);
  const port = /port (\d+)/.exec(banner)?.[1] ?? '';
  expect((await send(`127.0.0.1:${port}`, note)).status).toBe(0);
  await receiver.output('stderr', 'notes.txt');
  receiver.kill('SIGTERM');
  expect((await receiver.exit).stdout).toBe('');
});

it('a sender without --json says one line, and with --quiet none', async () => {
  const receiver = await startReceiver();
  const loud = await send(receiver.address, note);
  expect([loud.status, loud.stdout]).toEqual([0, '']);
  expect(loud.stderr).toMatch(/^[^\n]+ is new here: [^\n]+\n[^\n]+\n$/);
  const quiet = await send(receiver.address, note, '--quiet');
  expect([quiet.status, quiet.stdout, quiet.stderr]).toEqual([0, '', '']);
});

it('every JSON line has a type and the version, progress is part of it, and done ends it', async () => {
  const receiver = await startReceiver();
  const { stdout } = await runFtx(['send', note, '--to', receiver.address, '--json']);
  await receiver.program.event('done');
  const sent = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { v: number; type: string });
  for (const { v, type } of sent) expect([v, typeof type]).toEqual([1, 'string']);
  expect(sent.at(-1)).toMatchObject({ type: 'done', stored: 1, refused: 0, failed: 0 });
  const types = receiver.program.events().map(({ type }) => type);
  expect(types.filter((type) => type !== 'progress')).toEqual(['listening', 'connected', 'offered', 'stored', 'done']);
});
