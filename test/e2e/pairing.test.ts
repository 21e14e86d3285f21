/** Who gets into a receiver that is not open, by which code, and who does not. */
import { once } from 'node:events';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { TransferEvent } from '../../src/core/events.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import { pairAsSender } from '../../src/session/pairing.js';
import { receive } from '../../src/mailbox/receive.js';
import { eavesdrop } from '../support/eavesdropper.js';
import { readNames, tempDir } from '../support/folders.js';
import {
  identityOf,
  newHome,
  note,
  peersOf,
  sendFrom,
  sendWithCode,
  startPairing,
  wrongCode,
  type Home,
} from '../support/homes.js';
import { callAsStranger, standBetween, tryCode } from '../support/hostile-tls.js';
import { startReceiver, type Mailbox } from '../support/mailbox.js';
import { endOf, runFtx, startFtx } from '../support/processes.js';
import { jargon, oneSentence } from '../support/sentences.js';
import { skipTest } from '../support/skips.js';

const UNPAIRED = 77;
const name = 'notes.txt';

const failuresOf = ({ program }: Mailbox) => program.events().filter(({ type }) => type === 'failed');
const codesOf = ({ program }: Mailbox) => program.events().filter(({ type }) => type === 'code');

/** A receiver and a sender that have paired, the receiver running as known only. */
async function makePair(): Promise<{ here: Home; there: Home; receiver: Mailbox }> {
  const [here, there] = [await newHome(), await newHome()];
  const first = await startPairing(there.env);
  expect((await sendWithCode(here.env, first.address, first.code)).status).toBe(0);
  first.program.kill('SIGTERM');
  await first.program.exit;
  const receiver = await startReceiver(['--known-only', '--port', String(first.port)], { env: there.env });
  return { here, there, receiver };
}

async function expectRefused(env: NodeJS.ProcessEnv, receiver: Mailbox, ...args: string[]): Promise<string> {
  const before = await readNames(receiver.dir);
  const { status, stderr } = await sendFrom(env, receiver.address, ...args);
  expect([status, stderr]).toEqual([UNPAIRED, expect.stringMatching(oneSentence)]);
  expect(stderr).not.toMatch(jargon);
  expect(await readNames(receiver.dir)).toEqual(before);
  return stderr;
}

describe('a code', () => {
  it('lets one new sender in, and from then on neither side asks again', async () => {
    const [here, there, other] = [await newHome(), await newHome(), await newHome()];
    const receiver = await startPairing(there.env);
    expect(receiver.listening).toMatchObject({ access: 'pair', senders: 0 });
    const first = await sendWithCode(here.env, receiver.address, receiver.code);
    expect([first.status, first.stderr]).toEqual([0, expect.stringContaining('paired with')]);
    expect(await readNames(receiver.dir)).toEqual([name]);
    const [mine, theirs] = [await identityOf(here.env), await identityOf(there.env)];
    expect(await peersOf(here.env)).toEqual([{ role: 'receiver', identity: theirs }]);
    expect(await peersOf(there.env)).toEqual([{ role: 'sender', identity: mine }]);

    const again = await sendFrom(here.env, receiver.address);
    expect([again.status, again.stderr]).toEqual([0, expect.not.stringContaining('paired')]);
    expect(await expectRefused(other.env, receiver)).toContain('ftx receive --pair');
    const late = await sendWithCode(other.env, receiver.address, receiver.code);
    expect(late.status).toBe(UNPAIRED);
    await receiver.program.output('stderr', await identityOf(other.env));
    const connected = receiver.program.events().filter(({ type }) => type === 'connected');
    expect(connected).toMatchObject([{ known: true }, { known: true }]);
    const address = expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string;
    for (const event of failuresOf(receiver)) expect(event).toMatchObject({ peer: address });
  });

  it('makes a sender known wherever it comes from, and "ftx peers" shows where that was last', async (context) => {
    const { here, there, receiver } = await makePair();
    const list = async () => (await runFtx(['peers'], { env: there.env })).stdout;
    const today = new Date().toISOString().slice(0, 10);
    expect(await list()).toMatch(/^sender {4}from 127\.0\.0\.1 /);
    const other = await sendFrom(here.env, `[::1]:${receiver.port}`);
    if (other.status === 69) skipTest(context, 'this machine has no IPv6 loopback');
    expect(other.status, other.stderr).toBe(0);
    receiver.program.kill('SIGTERM');
    await receiver.program.exit;
    expect(await list()).toMatch(new RegExp(`^sender {4}from ::1 .* since ${today}, last seen ${today} `));
  });

  it('is taken from a file, and a receiver that knows the sender gets in without it', async () => {
    const [here, there] = [await newHome(), await newHome()];
    const receiver = await startPairing(there.env);
    const file = join(await tempDir(), 'code');
    expect((await sendFrom(here.env, receiver.address, '--code-file', file)).status).toBe(66);
    expect((await sendFrom(here.env, receiver.address, '--code-file', await tempDir())).stderr).toContain(
      'is not a file',
    );
    await writeFile(file, `${receiver.code}\n`);
    expect((await sendFrom(here.env, receiver.address, '--code-file', file)).status).toBe(0);
    expect((await sendFrom(here.env, receiver.address, '--code-file', `${file}-that-is-gone`)).status).toBe(0);
  });

  it('that nobody can give is a clear error at once, whatever standard input is', async () => {
    const receiver = await startPairing((await newHome()).env);
    const { env } = await newHome();
    expect(await expectRefused(env, receiver)).toContain('--code-file');
    expect(await expectRefused(env, receiver, '--code-file', '-')).toContain('No code was given');
    // An input that never ends is nobody's answer: with the option, for as long as --timeout says, without it not at all.
    const open = startFtx(['send', note, '--to', receiver.address], { env });
    expect((await open.exit).status).toBe(UNPAIRED);
    const slow = startFtx(['send', note, '--to', receiver.address, '--code-file', '-', '--timeout', '1'], { env });
    const late = await slow.exit;
    expect([late.status, late.stderr]).toEqual([
      UNPAIRED,
      expect.stringMatching(/^ftx: No code came within 1 s[^\n]*\n$/),
    ]);
    const nonsense = await sendWithCode(env, receiver.address, 'secret?');
    expect([nonsense.status, nonsense.stderr]).toEqual([UNPAIRED, expect.not.stringContaining('secret?')]);
    // A stream is the file, and never the code.
    const stream = startFtx(['send', '-', '--name', 'x', '--to', receiver.address], { env });
    stream.stdin.write(`${receiver.code}\n`);
    expect((await endOf(stream)).status).toBe(UNPAIRED);
    expect(failuresOf(receiver)).toEqual([]);
  });

  it('lets a stream in, when it comes from a file', async () => {
    const receiver = await startPairing((await newHome()).env);
    const file = join(await tempDir(), 'code');
    await writeFile(file, receiver.code);
    const stream = startFtx(
      ['send', '-', '--name', 'x', '--code-file', file, '--to', receiver.address],
      await newHome(),
    );
    stream.stdin.write('content');
    expect((await endOf(stream)).status).toBe(0);
    expect(await readFile(join(receiver.dir, 'x'), 'utf8')).toBe('content');
  });

  it('goes with the session that a receiver stays for', async () => {
    const receiver = await startPairing((await newHome()).env, ['--once']);
    expect((await sendFrom((await newHome()).env, receiver.address)).status).toBe(UNPAIRED);
    expect(await tryCode(receiver.port, wrongCode(receiver.code))).toBe('unpaired');
    expect((await sendWithCode((await newHome()).env, receiver.address, receiver.code)).status).toBe(0);
    expect((await receiver.program.exit).status).toBe(0);
  });

  it.each([
    [['receive', '--plain', '--known-only']],
    [['receive', '--plain', '--pair']],
    [['send', note, '--to', 'localhost', '--plain', '--pair']],
    [['send', note, '--to', 'localhost', '--classic', '--code-file', 'x']],
    [['send', '-', '--name', 'x', '--to', 'localhost', '--code-file', '-']],
  ])('does not go with %j', async (args) => {
    const { status, stderr } = await runFtx(args, { cwd: await tempDir() });
    expect([status, stderr]).toEqual([64, expect.stringMatching(/^(plain: .*\n)?ftx: .*\n$/)]);
  });
});

describe('where only known senders get in', () => {
  it('the paired one does, and no other', async () => {
    const { here, receiver } = await makePair();
    expect(receiver.listening).toMatchObject({ access: 'known', senders: 1 });
    expect((await sendFrom(here.env, receiver.address)).status).toBe(0);
    const { env } = await newHome();
    await expectRefused(env, receiver);
    expect(await peersOf(env)).toEqual([]);
    await receiver.program.output('stderr', await identityOf(env));
  });

  it('nobody does without a certificate', async () => {
    const { receiver } = await makePair();
    const before = receiver.program.events().length;
    await expect(callAsStranger(receiver.port)).rejects.toMatchObject({ code: 'unpaired' });
    const { connect: connectTls } = await import('node:tls');
    const nobody = connectTls(
      { port: receiver.port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['ftx/1'] },
      () => nobody.write('ftx/1\n'),
    );
    let heard = '';
    nobody.on('data', (data: Buffer) => (heard += data.toString()));
    await once(
      nobody.on('error', () => undefined),
      'close',
    );
    expect([
      heard,
      receiver.program
        .events()
        .slice(before)
        .filter(({ type }) => type === 'connected'),
    ]).toEqual(['', []]);
  });

  it.each(['--known-only', '--pair'])('nobody does without encryption, nor by classic (%s)', async (mode) => {
    const receiver = await startReceiver([mode], await newHome());
    const { env } = await newHome();
    expect((await sendFrom(env, receiver.address, '--plain')).status).toBe(UNPAIRED);
    expect((await sendFrom(env, receiver.address, '--classic')).status).toBe(UNPAIRED);
    expect(await readNames(receiver.dir)).toEqual([]);
  });

  it('a sender that is forgotten is refused at once, and says so', async () => {
    const { here, there, receiver } = await makePair();
    const { name: spelled } = JSON.parse((await runFtx(['id', '--json'], { env: here.env })).stdout) as {
      name: string;
    };
    expect((await runFtx(['peers', 'forget', spelled], { env: there.env })).status).toBe(0);
    expect((await runFtx(['peers', 'forget', spelled], { env: there.env })).status).toBe(66);
    await expectRefused(here.env, receiver);
    await receiver.program.output('stderr', spelled);
    // The sender still knows the receiver: that is for its own user to forget.
    expect(await peersOf(here.env)).toHaveLength(1);
  });

  it('a sender that is forgotten in the middle of a session is dropped', async () => {
    const { here, there, receiver } = await makePair();
    const program = startFtx(['send', '-', '--name', 'endless', '--to', receiver.address], { env: here.env });
    program.stdin.write(Buffer.alloc(3_000_000));
    await receiver.program.event('progress', (event) => event.path === 'endless');
    expect((await runFtx(['peers', 'forget', await identityOf(here.env)], { env: there.env })).status).toBe(0);
    const { status, stderr } = await program.exit;
    expect([status, stderr]).toEqual([UNPAIRED, expect.stringContaining('has just forgotten this one')]);
    expect(await readNames(receiver.dir)).toEqual([]);
  });

  it('a list of peers that is damaged, or that others can write, lets nobody in until it is mended', async () => {
    const { here, there, receiver } = await makePair();
    const list = join(there.home, 'peers.json');
    const right = await readFile(list, 'utf8');
    await writeFile(list, right.slice(1));
    const { status, stderr } = await sendFrom(here.env, receiver.address);
    expect([status, stderr]).toEqual([74, expect.stringContaining('The receiver cannot read its list of known peers')]);
    await receiver.program.output('stderr', 'peers.json is damaged');
    expect(await readFile(list, 'utf8')).toBe(right.slice(1));
    await writeFile(list, right);
    await chmod(list, 0o666);
    expect((await sendFrom(here.env, receiver.address)).status).toBe(74);
    await receiver.program.output('stderr', `chmod 600 ${list}`);
    await chmod(list, 0o600);
    expect((await sendFrom(here.env, receiver.address)).status).toBe(0);
    // The receiver notes the visit after the session, and would write the list anew.
    receiver.program.kill('SIGTERM');
    await receiver.program.exit;
    await writeFile(list, '{');
    expect(
      (await runFtx(['receive', '--known-only', '--port', '0', '--dir', await tempDir()], { env: there.env })).status,
    ).toBe(78);
  });
});

describe('somebody in the middle', () => {
  it('who passes on the right code is neither let in nor believed, and hears no name', async () => {
    const [here, there] = [await newHome(), await newHome()];
    const receiver = await startPairing(there.env);
    const middle = await standBetween(receiver.port);
    const { status, stderr } = await sendWithCode(here.env, middle.address, receiver.code);
    expect([status, stderr]).toEqual([UNPAIRED, expect.stringContaining('somebody stands in between')]);
    expect(middle.heard()).toContain('"step":"request"');
    expect(middle.heard()).not.toMatch(/"step":"proof"|offer|notes/);
    expect([await peersOf(here.env), await peersOf(there.env)]).toEqual([[], []]);
    expect(middle.heard()).not.toContain(receiver.code.replace('-', ''));
    // The code is good for those who mean each other.
    expect((await sendWithCode(here.env, receiver.address, receiver.code)).status).toBe(0);
  });

  it('who asks for no code is not believed by a sender that was given one', async () => {
    const { env } = await newHome();
    const open = await startReceiver([], await newHome());
    for (const args of [['--pair'], ['--code-file', '-']]) {
      const { status, stderr } = await sendFrom(env, open.address, ...args);
      expect([status, stderr]).toEqual([77, expect.stringContaining('asks for none')]);
    }
    expect([await readNames(open.dir), await peersOf(env)]).toEqual([[], []]);
    // Nor if he was met before, when nobody had a code: only a code makes sure.
    expect((await sendFrom(env, open.address, '--name', 'before')).status).toBe(0);
    expect((await sendFrom(env, open.address, '--pair')).stderr).toContain('not by a code');
    expect(await readNames(open.dir)).toEqual(['before']);
    expect(open.program.events().filter(({ type }) => type === 'offered')).toHaveLength(1);
    expect((await sendFrom(env, open.address, '--pair', '--peer', open.listening.identity!)).status).toBe(0);
  });

  it('a receiver that was met before, and then paired with, needs no code again', async () => {
    const [here, there] = [await newHome(), await newHome()];
    const open = await startReceiver([], { env: there.env });
    expect((await sendFrom(here.env, open.address)).status).toBe(0);
    open.program.kill('SIGTERM');
    await open.program.exit;
    const receiver = await startPairing(there.env, ['--port', String(open.port)]);
    expect((await sendWithCode(here.env, receiver.address, receiver.code)).status).toBe(0);
    expect((await sendFrom(here.env, receiver.address, '--pair')).status).toBe(0);
    expect((await runFtx(['peers'], { env: here.env })).stdout).toContain('paired since');
  });

  it('who asks for a code of his own learns no name and not whether it was nearly right', async () => {
    const [here, there] = [await newHome(), await newHome()];
    const impostor = await startPairing(there.env);
    const { status } = await sendWithCode(here.env, impostor.address, wrongCode(impostor.code));
    expect(status).toBe(UNPAIRED);
    expect([await peersOf(here.env), await peersOf(there.env), await readNames(impostor.dir)]).toEqual([[], [], []]);
    expect(impostor.program.events().map(({ type }) => type)).not.toContain('offered');
  });

  it('after pairing is refused before a code is even looked for', async () => {
    const { here, receiver } = await makePair();
    receiver.program.kill('SIGKILL');
    await receiver.program.exit;
    const impostor = await startPairing((await newHome()).env, ['--port', String(receiver.port)]);
    const { status, stderr } = await sendWithCode(here.env, impostor.address, impostor.code);
    expect([status, stderr]).toEqual([77, expect.stringContaining('ftx peers forget')]);
    expect([await readNames(impostor.dir), failuresOf(impostor)]).toEqual([[], []]);
  });

  it('who says again what he has recorded of a pairing is not let in, and takes no try', async () => {
    const [here, there] = [await newHome(), await newHome()];
    const receiver = await startPairing(there.env);
    const middle = await eavesdrop(receiver.port);
    expect((await sendWithCode(here.env, middle.address, wrongCode(receiver.code))).status).toBe(UNPAIRED);
    await receiver.program.output('stderr', '2 tries left');
    await middle.sayAgain();
    expect(failuresOf(receiver)).toHaveLength(1);
    expect((await sendWithCode(here.env, receiver.address, receiver.code)).status).toBe(0);
  });
});

describe('who guesses codes', () => {
  it('has three tries from everywhere together, and then the code is burned', async (context) => {
    if (process.platform !== 'linux')
      skipTest(context, 'only Linux has 127.0.0.2 and the like without setting them up');
    const there = await newHome();
    const receiver = await startPairing(there.env);
    const wrong = wrongCode(receiver.code);
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, i) => tryCode(receiver.port, wrong, `127.0.0.${i + 2}`)),
    );
    expect(outcomes).toEqual(outcomes.map(() => 'unpaired'));
    await receiver.program.event('code');
    expect(codesOf(receiver)).toEqual([{ v: 1, type: 'code', state: 'burned' }]);
    expect(await receiver.program.output('stderr', 'burned')).toContain('start it again with --pair');
    expect(
      failuresOf(receiver).filter((event) => 'message' in event && event.message.startsWith('A try to pair')),
    ).toHaveLength(3);
    expect(await tryCode(receiver.port, receiver.code)).toBe('unpaired');
    expect(await peersOf(there.env)).toEqual([]);
  });

  it('takes no more than tries from the one who knows it', async () => {
    const receiver = await startPairing((await newHome()).env);
    for (let i = 0; i < 2; i += 1) expect(await tryCode(receiver.port, wrongCode(receiver.code))).toBe('unpaired');
    expect(await receiver.program.output('stderr', 'There is one try left')).toContain('from 127.0.0.1');
    expect((await sendWithCode((await newHome()).env, receiver.address, receiver.code)).status).toBe(0);
    expect(codesOf(receiver)).toEqual([]);
  });

  it('makes but one of those who are right at once known', async () => {
    const there = await newHome();
    const receiver = await startPairing(there.env);
    const outcomes = await Promise.all([1, 2, 3].map(() => tryCode(receiver.port, receiver.code)));
    expect(outcomes.sort()).toEqual(['paired', 'unpaired', 'unpaired']);
    expect(await peersOf(there.env)).toHaveLength(1);
  });

  it('uses up a try when he breaks off, before he can know', async () => {
    const receiver = await startPairing((await newHome()).env);
    for (let i = 0; i < 3; i += 1) {
      const { channel, proverFor } = await callAsStranger(receiver.port);
      await channel.send({ type: 'pair', id: 0, step: 'request', data: (await proverFor(receiver.code)).request });
      expect(await channel.receive()).toMatchObject({ step: 'answer' });
      channel.destroy(new Error('that was all'));
    }
    await receiver.program.event('code');
    expect(await tryCode(receiver.port, receiver.code)).toBe('unpaired');
  });

  it('cannot hold the door: a stall ends by its time limit, whatever else he says', async () => {
    const receiver = await startPairing((await newHome()).env);
    const stalled = async (withTry: boolean): Promise<unknown> => {
      const { channel, proverFor } = await callAsStranger(receiver.port, '127.0.0.1', 1_000);
      const request = { type: 'pair', id: 0, step: 'request', data: (await proverFor(receiver.code)).request } as const;
      if (withTry) await channel.send(request);
      if (withTry) await channel.receive();
      // Talking all the time, as a living peer does.
      const pings = setInterval(() => void channel.send({ type: 'ping', id: 0 }), 200);
      return channel.receive().finally(() => clearInterval(pings));
    };
    const answers = await Promise.all([stalled(true), stalled(false)]);
    expect(answers).toEqual(answers.map(() => expect.objectContaining({ type: 'error', code: 'timeout' }) as unknown));
    await receiver.program.output('stderr', 'There are 2 tries left');
    expect((await sendWithCode((await newHome()).env, receiver.address, receiver.code)).status).toBe(0);
  });

  it('keeps nobody out who has the code by standing in the door with many', async () => {
    const receiver = await startPairing((await newHome()).env, ['--max-connections', '40']);
    const crowd = await Promise.allSettled(Array.from({ length: 150 }, () => callAsStranger(receiver.port)));
    expect(crowd.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(20);
    // Told to try again at most, for those who came before get their second to introduce themselves.
    expect((await sendWithCode((await newHome()).env, receiver.address, receiver.code, '--retry', '5')).status).toBe(0);
    expect(codesOf(receiver)).toEqual([]);
  });

  it('finds nothing when the time of the code is over', async () => {
    const { home } = await newHome();
    let code = '';
    let expire: () => void = () => undefined;
    const expired = new Promise<void>((resolve) => (expire = resolve));
    const onEvent = (event: TransferEvent) => event.type === 'code' && event.state === 'expired' && expire();
    const receiver = await receive({
      dir: await tempDir(),
      port: 0,
      host: '127.0.0.1',
      home,
      access: 'pair',
      codeMs: 1,
      onCode: (text) => (code = text),
      onEvent,
    });
    onTestFinished(() => receiver.close());
    await expired;
    expect(code).toMatch(/^\d{4}-\d{4}$/);
    expect(await tryCode(receiver.port, code)).toBe('unpaired');
  });

  it('gets nowhere with anything but a code', async () => {
    const receiver = await startPairing((await newHome()).env);
    const said = [
      { type: 'offer', id: 1, entry: { path: 'x', kind: 'file', size: 1, mtimeNs: 0n, mode: 0o644 } },
      { type: 'check', id: 0, entries: [], last: true, dryRun: true },
      { type: 'pair', id: 0, step: 'proof', data: 'AAAA' },
      { type: 'pair', id: 0, step: 'paired', data: '' },
      { type: 'pair', id: 0, step: 'request', data: '' },
      { type: 'pair', id: 0, step: 'request', data: 'A'.repeat(128) },
    ] as const;
    for (const message of said) {
      const { channel, hello } = await callAsStranger(receiver.port);
      expect(hello.capabilities).toEqual(['check', 'proof', 'pin', 'zeros', 'packs', 'pair']);
      // The others are for those who are known.
      expect(hello.limits?.offers).toBe(2);
      await channel.send(message);
      expect(await channel.receive()).toMatchObject({
        type: 'error',
        code: expect.stringMatching(/unpaired|protocol/) as string,
      });
    }
    expect(await readNames(receiver.dir)).toEqual([]);
    expect(await tryCode(receiver.port, receiver.code)).toBe('paired');
  });

  it('does not get a sender to prove what the receiver has not', async () => {
    const receiver = await startPairing((await newHome()).env);
    const { channel, proverFor } = await callAsStranger(receiver.port);
    const order: string[] = [];
    const prover = await proverFor(receiver.code);
    const finish = (answer: string) => (order.push('answer'), prover.finish(answer));
    await pairAsSender(
      channel,
      { ...prover, finish, onProved: () => Promise.resolve(void order.push('pinned')) },
      DEFAULT_TIMEOUTS.pairMs,
    );
    expect(order).toEqual(['answer', 'pinned']);
    channel.destroy(new Error('done'));
  });
});

it('code and keys stand nowhere but on the screen of the receiver', async (context) => {
  if (process.platform !== 'linux')
    skipTest(context, 'what a process was started with is read from /proc, which is of Linux');
  const [here, there] = [await newHome(), await newHome()];
  const receiver = await startPairing(there.env);
  const { code } = receiver;
  const wrong = await sendWithCode(here.env, receiver.address, wrongCode(code), '--json');
  const sender = startFtx(['send', note, '--code-file', '-', '--json', '--to', receiver.address], { env: here.env });
  const processes = [receiver.program.pid, sender.pid].flatMap((pid) => [
    `/proc/${pid}/cmdline`,
    `/proc/${pid}/environ`,
  ]);
  const shown = await Promise.all(processes.map((path) => readFile(path, 'latin1')));
  sender.stdin.write(`${code}\n`);
  const right = await endOf(sender);
  receiver.program.kill('SIGTERM');
  const received = await receiver.program.exit;
  expect([wrong.status, right.status, received.status]).toEqual([UNPAIRED, 0, 143]);
  const lists = [await runFtx(['peers', '--json'], { env: here.env }), await runFtx(['peers'], { env: there.env })];
  const kept = (await Promise.all([here.home, there.home].map(readTree))).flat();
  const screen = received.stderr.replace(`code: ${code} (`, '');
  const said = [
    wrong.stdout,
    wrong.stderr,
    right.stdout,
    right.stderr,
    received.stdout,
    screen,
    ...shown,
    ...lists.map(({ stdout }) => stdout),
  ].join('\n');
  for (const text of [said, ...kept.map(({ content }) => content)]) {
    for (const secret of [code, code.replace('-', ''), wrongCode(code), wrongCode(code).replace('-', '')])
      expect(text).not.toContain(secret);
  }
  const keys = kept
    .filter(({ path }) => path.endsWith('identity.pem'))
    .map(({ content }) => /(?<=PRIVATE KEY-----\n)[^\n]+/.exec(content)![0]);
  expect(keys).toHaveLength(2);
  for (const key of keys) expect(said).not.toContain(key);
});

async function readTree(folder: string): Promise<{ path: string; content: string }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (path) => ({ path, content: await readFile(path, 'latin1') })));
}
