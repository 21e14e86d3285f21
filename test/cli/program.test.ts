import { describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.js';
import { runProgram, type Runners } from '../../src/cli/program.js';
import { FtxError } from '../../src/core/errors.js';
import { describeVersion } from '../../src/cli/node-version.js';
import { fakeIo } from './fake-io.js';

/** Commands that no test here is about. */
const OTHERS = {
  id: () => Promise.resolve(0),
  peers: () => Promise.resolve(0),
  forget: () => Promise.resolve(0),
  parts: () => Promise.resolve(0),
};

async function run(...argv: string[]) {
  const io = fakeIo();
  const runners = { send: vi.fn<Runners['send']>(), receive: vi.fn<Runners['receive']>(), ...OTHERS };
  runners.send.mockResolvedValue(0);
  runners.receive.mockResolvedValue(0);
  const code = await runProgram(argv, runners, io);
  return { code, out: io.stdout.text(), err: io.stderr.text(), send: runners.send, receive: runners.receive };
}

const RECEIVE_DEFAULTS = {
  dir: './received',
  port: 6000,
  onConflict: 'rename',
  maxSize: 10 * 1024 ** 3,
  maxFiles: 1_000_000,
  maxConnections: 1024,
  classic: true,
  sync: true,
  ledger: true,
  timeoutMs: 60_000,
  keepPartsMs: 7 * 24 * 3_600_000,
};

describe('receive', () => {
  it('has the defaults of the manual', async () => {
    const { code, receive } = await run('receive');
    expect(code).toBe(EXIT.ok);
    expect(receive.mock.calls[0]![0]).toEqual(RECEIVE_DEFAULTS);
  });

  it('takes every option', async () => {
    const typed =
      'receive --dir in --port 0 --host ::1 --on-conflict fail --max-size 5M --max-files 100 --quota 1.5T --max-connections 3 --no-classic --no-sync --no-ledger --once --timeout 1.5 --keep-parts 12h --list-parts --json --quiet';
    const { receive } = await run(...typed.split(' '));
    expect(receive.mock.calls[0]![0]).toEqual({
      dir: 'in',
      port: 0,
      host: '::1',
      onConflict: 'fail',
      maxSize: 5 * 1024 ** 2,
      maxFiles: 100,
      quota: 1.5 * 1024 ** 4,
      maxConnections: 3,
      classic: false,
      sync: false,
      ledger: false,
      once: true,
      timeoutMs: 1500,
      keepPartsMs: 12 * 3_600_000,
      listParts: true,
      json: true,
      quiet: true,
    });
  });
});

it('receive takes --known-only and --pair', async () => {
  expect((await run('receive', '--known-only')).receive.mock.calls[0]![0]).toEqual({
    ...RECEIVE_DEFAULTS,
    knownOnly: true,
  });
  expect((await run('receive', '--pair')).receive.mock.calls[0]![0]).toEqual({ ...RECEIVE_DEFAULTS, pair: true });
});

describe('send', () => {
  it('has the defaults of the manual', async () => {
    const { code, send } = await run('send', 'a', 'b', '--to', 'host');
    expect(code).toBe(EXIT.ok);
    expect(send.mock.calls[0]![0]).toEqual({
      paths: ['a', 'b'],
      to: 'host',
      timeoutMs: 60_000,
      retry: 5,
    });
  });

  it('takes every option, standard input and odd names', async () => {
    const { send } = await run(
      'send',
      '--to',
      '[::1]:7000',
      '--name',
      'x',
      '--classic',
      '--dry-run',
      '--retry',
      '0',
      '--json',
      '--quiet',
      '--',
      '-',
      '--odd',
    );
    expect(send.mock.calls[0]![0]).toMatchObject({
      paths: ['-', '--odd'],
      name: 'x',
      classic: true,
      dryRun: true,
      retry: 0,
      json: true,
      quiet: true,
    });
  });

  it('takes a code from a file, and never as an argument', async () => {
    const { send } = await run('send', 'a', '--to', 'host', '--pair', '--code-file', '-');
    expect(send.mock.calls[0]![0]).toMatchObject({ paths: ['a'], pair: true, codeFile: '-' });
    expect((await run('send', 'a', '--to', 'host', '--code', '4821-9377')).code).toBe(EXIT.usage);
  });

  it('keeps the exit code of the runner', async () => {
    const io = fakeIo();
    const runners = { send: () => Promise.resolve(77), receive: () => Promise.resolve(0), ...OTHERS };
    expect(await runProgram(['send', 'a', '--to', 'host'], runners, io)).toBe(77);
  });
});

describe('a wrong command line exits 64 with one sentence and empty stdout', () => {
  it.each([
    ['snd', /^ftx: unknown command 'snd' \(Did you mean send\?\)\. ftx --help/],
    ['photo.jpg', /^ftx: unknown command 'photo.jpg'\. ftx --help/],
    ['send a', /^ftx: required option '--to <host/],
    ['send a --to b --to c', /'--to <host.*It is given twice, and before it was b\./],
    ['send a --to=b --to b', /'--to <host.*given twice/],
    ['send a --to b --name c --name d', /'--name <name>'.*given twice/],
    ['send a --to b --peer c --peer d', /'--peer <identity>'.*given twice/],
    ['send --to host', /^ftx: missing required argument 'path'/],
    ['send a --to host --frob', /^ftx: unknown option '--frob'/],
    ['send a --to', /^ftx: option '--to <host\[:port\]>' argument missing/],
    ['send a --to host --retry -1', /whole number/],
    ['receive --keep-parts 7', /like 12h or 7d/],
    ['send a --to host --timeout 0', /at least 0.1/],
    ['receive --port 65536', /^ftx: option '--port <port>' argument '65536' is invalid. A port is/],
    ['receive --port abc', /A port is a whole number/],
    ['receive --max-size 10GB', /powers of 1024/],
    ['receive --max-connections 0', /whole number from 1/],
    ['receive --on-conflict ask', /Allowed choices are rename, overwrite, skip, fail/],
    ['receive here', /^ftx: too many arguments/],
    ['receive --dir \x1b[2J --port \x1b[2J', /argument '\\x1b\[2J'/],
  ])('%s', async (line, sentence) => {
    const { code, out, err, send, receive } = await run(...line.split(' '));
    expect(code).toBe(EXIT.usage);
    expect(out).toBe('');
    expect(err).toMatch(sentence);
    expect(err.trimEnd()).not.toContain('\n');
    expect(send).not.toHaveBeenCalled();
    expect(receive).not.toHaveBeenCalled();
  });

  it('no command at all shows the help', async () => {
    const { code, out, err } = await run();
    expect([code, out]).toEqual([EXIT.usage, '']);
    expect(err).toContain('Usage: ftx');
  });
});

describe('help and version', () => {
  it.each([['--help'], ['send', '--help'], ['receive', '--help'], ['send', '-h']])('%s %s', async (...argv) => {
    const { code, out, err } = await run(...argv);
    expect([code, err]).toEqual([EXIT.ok, '']);
    expect(out).toMatch(/Exit status:\n +0 {2}everything was stored.*\n(?: +\d+ {2}.+\n)+$/);
  });

  it('the help shows sizes and times as they are typed', async () => {
    const { out } = await run('receive', '--help');
    const words = out.replace(/\s+/g, ' ');
    expect(words).toContain('(powers of 1024) (default: 10G)');
    expect(words).toContain('for that long (default: 60)');
  });

  it('--version prints the version and the supported versions of Node', async () => {
    expect(await run('--version')).toMatchObject({
      code: EXIT.ok,
      out: `${describeVersion(process.versions.node)}\n`,
      err: '',
    });
  });
});

describe('a runner that throws', () => {
  const throwing = async (error: Error) => {
    const io = fakeIo();
    const fail = () => Promise.reject(error);
    const code = await runProgram(['receive'], { ...OTHERS, send: fail, receive: fail }, io);
    return { code, err: io.stderr.text() };
  };

  it('with an FtxError shows its sentence and exits with the status of its code', async () => {
    expect(await throwing(new FtxError('cannot-create', 'No folder.'))).toEqual({ code: 73, err: 'ftx: No folder.\n' });
  });

  it('with any other value shows one sentence and no stack', async () => {
    expect(await throwing(new TypeError('x is not\na function'))).toEqual({
      code: 74,
      err: 'ftx: x is not\\x0aa function\n',
    });
    expect(await throwing(undefined as unknown as Error)).toEqual({ code: 74, err: 'ftx: undefined\n' });
    expect(await throwing(new Error(''))).toEqual({ code: 74, err: 'ftx: Something failed without saying why.\n' });
  });
});
