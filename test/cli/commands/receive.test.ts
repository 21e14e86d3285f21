import { describe, expect, it } from 'vitest';
import { runReceive, type ReceiveArguments } from '../../../src/cli/commands/receive.js';
import { FtxError } from '../../../src/core/errors.js';
import type { TransferEvent } from '../../../src/core/events.js';
import type { ReceiveOptions, Receiver, ReceiveResult } from '../../../src/mailbox/receive.js';
import { createSenders } from '../../../src/cli/screen/senders.js';
import { connected, done, failed, offered, refused, stored, summary } from '../events.js';
import { fakeIo } from '../fake-io.js';

const ARGS: ReceiveArguments = {
  dir: 'in',
  port: 6000,
  onConflict: 'rename',
  maxSize: 10,
  maxFiles: 1000,
  maxConnections: 3,
  classic: true,
  sync: true,
  ledger: true,
  timeoutMs: 60_000,
  keepPartsMs: 1,
};
const LISTENING: TransferEvent = {
  type: 'listening',
  dir: '/in',
  port: 6000,
  addresses: ['192.0.2.4'],
  identity: `sha256:${'0'.repeat(64)}`,
  access: 'open',
  senders: null,
};
const CONNECTED = { type: 'connected', session: 1, protocol: 'ftx/1' } as const;
const BANNER = /^receiving into \/in on port 6000\n[^]*ftx send FILE --to 192\.0\.2\.4\n/;

/** A receiver in the hands of the test. */
function start(more: Partial<ReceiveArguments> = {}) {
  const io = fakeIo();
  const graces: (number | undefined)[] = [];
  let options: ReceiveOptions | undefined;
  let settle: { resolve: (result: ReceiveResult) => void; reject: (error: Error) => void };
  let opened: () => void;
  const isOpen = new Promise<void>((resolve) => (opened = resolve));
  const closed = new Promise<ReceiveResult>((resolve, reject) => (settle = { resolve, reject }));
  const receiver: Receiver = {
    dir: '/in',
    port: 6000,
    addresses: [],
    identity: null,
    closed,
    close: (grace) => {
      graces.push(grace);
      return closed.then(() => undefined);
    },
  };
  const ended = runReceive({ ...ARGS, ...more }, io, (given) => {
    options = given;
    given.onEvent?.(LISTENING);
    queueMicrotask(opened);
    return Promise.resolve(receiver);
  });
  return {
    io,
    ended,
    isOpen,
    graces,
    options: () => options!,
    emit: (...events: TransferEvent[]) => events.forEach((event) => options!.onEvent?.(event)),
    close: (result: Partial<ReceiveResult> = {}) => settle.resolve({ ...summary(), ...result }),
    fail: (error: Error) => settle.reject(error),
  };
}

it.each([
  [{}, 'open'],
  [{ knownOnly: true }, 'known'],
  [{ pair: true }, 'pair'],
  [{ pair: true, knownOnly: true }, 'pair'],
] as const)('%o lets in who is %s', async (args, access) => {
  const { options, close, ended, isOpen } = start(args);
  await isOpen;
  expect(options().access).toBe(access);
  close();
  await ended;
});

it.each([{}, { json: true }, { quiet: true }])('shows a code on the screen alone (%o)', async (args) => {
  const { io, options, close, ended, isOpen } = start({ pair: true, ...args });
  await isOpen;
  options().onCode?.('4821-9377');
  close();
  await ended;
  expect(io.stderr.lines().filter((line) => line.includes('4821-9377'))).toEqual([
    expect.stringMatching(/^code: 4821-9377 /),
  ]);
  expect(io.stdout.text()).not.toContain('4821');
});

it('hands every option to the library', async () => {
  const { ended, isOpen, options, close } = start({ host: '::1', once: true });
  await isOpen;
  close();
  await ended;
  expect(options()).toMatchObject({ ...ARGS, host: '::1', once: true });
});

it('says first that --no-sync does not wait for the disk, unless --quiet is given', async () => {
  for (const quiet of [false, true]) {
    const { io, ended, isOpen, close } = start({ sync: false, quiet });
    await isOpen;
    close();
    await ended;
    expect(io.stderr.text().startsWith('not synchronised: ')).toBe(!quiet);
  }
});

it('says where it receives, a line for each file, and the sum; nothing on stdout', async () => {
  const { io, ended, isOpen, emit, close } = start();
  await isOpen;
  emit(
    connected(),
    offered('d', 0, 'directory'),
    offered('a', 5),
    stored('a', 5),
    stored('a', 5, { already: true }),
    stored('d'),
    refused('b', 'exists', 'No.'),
    done(),
  );
  close({ refused: 1 });
  expect(await ended).toBe(0);
  expect(io.stdout.text()).toBe('');
  expect(io.stderr.text()).toMatch(BANNER);
  expect(io.stderr.lines().slice(-3)).toEqual([
    'stored a (5 B, already there) from 192.0.2.7',
    'ftx: refused b from 192.0.2.7: No.',
    'received 1 file, 1 folder (5 B) from 1 sender, 1 already there; 1 refused',
  ]);
});

const KEYS = ['0', '1'].map((digit) => `sha256:${digit.repeat(64)}` as const);
const keyed = (key: number) => ({ identity: KEYS[key]! });
it.each<[string, TransferEvent[], string]>([
  [
    'one key twice',
    [
      { ...connected(1), ...keyed(0) },
      { ...connected(2, '192.0.2.9:1'), ...keyed(0) },
    ],
    '1 sender',
  ],
  [
    'two keys of one host',
    [
      { ...connected(1), ...keyed(0) },
      { ...connected(2), ...keyed(1) },
    ],
    '2 senders',
  ],
  ['one host without a key, twice', [connected(1, '192.0.2.7:1'), connected(2, '192.0.2.7:2')], '1 sender'],
  ['two hosts without a key', [connected(1, '192.0.2.7:1'), connected(2, '[2001:db8::7]:1')], '2 senders'],
  ['a host with a key and without one', [{ ...connected(1), ...keyed(0) }, connected(2)], '2 senders'],
])('counts senders, not sessions: %s', async (_what, events, count) => {
  const { io, ended, isOpen, emit, close } = start();
  await isOpen;
  emit(...events);
  close();
  await ended;
  expect(io.stderr.lines().at(-1)).toBe(`received nothing from ${count}`);
});

it('counts no more senders than fit into a bounded memory', () => {
  const senders = createSenders();
  for (let host = 0; host < 10_000; host += 1) senders.add({ ...CONNECTED, peer: `host${host}:1` });
  for (let again = 0; again < 2; again += 1) senders.add({ ...CONNECTED, peer: 'host1:1' });
  expect(senders.describe()).toBe('10000 senders');
  senders.add({ ...CONNECTED, peer: 'another:1' });
  expect(senders.describe()).toBe('more than 10000 senders');
});

it('says nothing but failures with --quiet', async () => {
  const { io, ended, isOpen, emit, close } = start({ quiet: true });
  await isOpen;
  emit(connected(), stored('a', 5), failed('b', 'lost', 'Gone.'), done());
  close();
  await ended;
  expect(io.stderr.text()).toBe('ftx: b from 192.0.2.7 failed: Gone.\n');
});

it('writes each event as JSON', async () => {
  const { io, ended, isOpen, emit, close } = start({ json: true });
  await isOpen;
  emit(connected(), stored('a', 5), done());
  close();
  await ended;
  expect(io.stdout.lines().map((line) => (JSON.parse(line) as TransferEvent).type)).toEqual([
    'listening',
    'connected',
    'stored',
    'done',
  ]);
});

describe('exit code', () => {
  const firstFailure = new FtxError('checksum', 'Wrong.');

  it('of --once is that of its session', async () => {
    for (const [result, code] of [
      [{}, 0],
      [{ firstFailure }, 76],
    ] as const) {
      const { ended, isOpen, close } = start({ once: true });
      await isOpen;
      close(result);
      expect(await ended).toBe(code);
    }
  });

  it('of a daemon does not depend on its sessions', async () => {
    const { ended, isOpen, close } = start();
    await isOpen;
    close({ firstFailure });
    expect(await ended).toBe(0);
  });

  it('of a receiver that cannot start is that of the failure', async () => {
    const io = fakeIo();
    const code = await runReceive(ARGS, io, () => Promise.reject(new FtxError('port-in-use', 'Port 6000 is in use.')));
    expect([code, io.stderr.text(), io.stdout.text(), io.signalListeners()]).toEqual([
      69,
      'ftx: Port 6000 is in use.\n',
      '',
      0,
    ]);
  });

  it('of a receiver that breaks is that of the failure', async () => {
    const { io, ended, isOpen, fail } = start({ quiet: true });
    await isOpen;
    fail(new FtxError('io', 'The disk is gone.'));
    expect([await ended, io.stderr.text()]).toEqual([74, 'ftx: The disk is gone.\n']);
  });
});

describe('a signal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s lets what runs finish and exits %d', async (signal, code) => {
    const { io, ended, isOpen, graces, emit, close } = start();
    await isOpen;
    emit(connected(1), connected(2), connected(3), done(2));
    io.raise(signal);
    expect(graces).toEqual([10_000]);
    expect(io.stderr.lines().at(-1)).toBe(
      'stopping: waiting up to 10 s for 2 running transfers (Ctrl-C again to leave now)',
    );
    close();
    expect(await ended).toBe(code);
    expect([io.exits, io.signalListeners()]).toEqual([[], 0]);
  });

  it('that is the second one leaves at once', async () => {
    const { io, ended, isOpen, close } = start();
    await isOpen;
    io.raise('SIGTERM');
    io.raise('SIGINT');
    expect(io.exits).toEqual([130]);
    close();
    await ended;
  });

  it('that comes before it listens stops it too', async () => {
    const io = fakeIo();
    const ended = runReceive(
      ARGS,
      io,
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(new FtxError('aborted', 'Stopped.')));
          io.raise('SIGINT');
        }),
    );
    expect([await ended, io.stderr.text()]).toEqual([130, '']);
  });
});
