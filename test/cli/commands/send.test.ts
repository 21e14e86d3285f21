import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { runSend, type SendArguments } from '../../../src/cli/commands/send.js';
import { FtxError, type ErrorCode } from '../../../src/core/errors.js';
import type { TransferEvent } from '../../../src/core/events.js';
import type { SendOptions, SendResult } from '../../../src/client/send.js';
import {
  connected,
  failed,
  offered,
  progress,
  refused,
  resumed,
  retrying,
  stored,
  summary,
  waiting,
} from '../events.js';
import { fakeIo, fakeTerminal, type FakeIo } from '../fake-io.js';

type Library = (options: SendOptions) => Promise<SendResult>;

const ARGS: SendArguments = { paths: ['a'], to: 'host', timeoutMs: 60_000, retry: 0 };
const GONE = new FtxError('lost', 'The connection to host was lost.');

/** A library that emits these events and then settles like that. */
const library = (events: TransferEvent[], end: SendResult | Error): Library =>
  vi.fn<Library>(({ onEvent }) => {
    events.forEach((event) => onEvent?.(event));
    return end instanceof Error ? Promise.reject(end) : Promise.resolve(end);
  });

/** A library that runs until it is aborted. */
function abortable(events: TransferEvent[] = []): { send: Library; running: Promise<void> } {
  let start: () => void;
  const running = new Promise<void>((resolve) => (start = resolve));
  const send: Library = ({ onEvent, signal }) =>
    new Promise((_resolve, reject) => {
      events.forEach((event) => onEvent?.(event));
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
      start();
    });
  return { send, running };
}

const jsonOf = (io: FakeIo) => io.stdout.lines().map((line) => JSON.parse(line) as { type: string; code?: string });

describe('a wrong command line', () => {
  it.each([
    ['standard input without a name', { paths: ['-'] }, /--name/],
    ['a name for several paths', { paths: ['a', 'b'], name: 'x' }, /single path/],
    ['standard input twice', { paths: ['-', '-'], name: 'x' }, /single path/],
    ['no address', { to: 'host:0' }, /wrong port/],
  ])('%s is told before anything happens', async (_what, more, sentence) => {
    const io = fakeIo();
    const send = library([], summary());
    await expect(runSend({ ...ARGS, json: true, ...more }, io, send)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(sentence) as string,
    });
    expect(send).not.toHaveBeenCalled();
    expect([io.stdout.text(), io.stderr.text(), io.signalListeners()]).toEqual(['', '', 0]);
  });

  it('that only the library can judge leaves stdout empty too', async () => {
    const io = fakeIo();
    const code = await runSend({ ...ARGS, json: true }, io, library([], new FtxError('usage', 'No folders.')));
    expect([code, io.stdout.text(), io.stderr.text()]).toEqual([64, '', 'ftx: No folders.\n']);
  });
});

describe('what it hands to the library', () => {
  it('is every option as typed', async () => {
    const send = library([], summary());
    await runSend({ ...ARGS, to: '[::1]:7000', name: 'x', classic: true, timeoutMs: 5 }, fakeIo(), send);
    await runSend({ ...ARGS, dryRun: true }, fakeIo(), send);
    expect(vi.mocked(send).mock.calls.map(([options]) => options)).toEqual([
      expect.objectContaining({
        paths: ['a'],
        to: { host: '::1', port: 7000 },
        name: 'x',
        classic: true,
        timeoutMs: 5,
        dryRun: false,
      }),
      expect.objectContaining({ to: { host: 'host', port: 6000 }, dryRun: true }),
    ]);
  });

  it('is standard input for -, which is closed at the end', async () => {
    const io = fakeIo();
    const send = library([], summary());
    await runSend({ ...ARGS, paths: ['-'], name: 'x' }, io, send);
    expect(vi.mocked(send).mock.calls[0]![0].input).toBe(io.stdin);
    expect(io.stdin.destroyed).toBe(true);
  });
});

describe('a transfer that comes to its end', () => {
  const events = [connected(), offered('a', 5), stored('a', 5)];

  it('is one line on stderr and exits 0', async () => {
    const io = fakeIo();
    expect(await runSend(ARGS, io, library(events, summary({ stored: 1, bytes: 5 })))).toBe(0);
    expect([io.stdout.text(), io.stderr.text()]).toEqual(['', '1 file, 5 B stored on host in 1.2 s (4.2 B/s)\n']);
    expect(io.signalListeners()).toBe(0);
  });

  it('is silent with --quiet', async () => {
    const io = fakeIo();
    await runSend({ ...ARGS, quiet: true }, io, library(events, summary({ stored: 1, bytes: 5 })));
    expect([io.stdout.text(), io.stderr.text()]).toEqual(['', '']);
  });

  it('exits with the code of the first failure, also with --quiet', async () => {
    const io = fakeIo();
    const firstFailure = new FtxError('exists', 'It is there.');
    const send = library([...events, refused('b', 'exists', 'It is there.')], {
      ...summary({ stored: 1, refused: 1 }),
      firstFailure,
    });
    expect(await runSend({ ...ARGS, quiet: true }, io, send)).toBe(77);
    expect(io.stderr.text()).toBe('ftx: b was refused: It is there.\n');
  });

  it('ends with done in JSON', async () => {
    const io = fakeIo();
    await runSend({ ...ARGS, json: true }, io, library(events, summary({ stored: 1, bytes: 5 })));
    expect(jsonOf(io).map(({ type }) => type)).toEqual(['connected', 'offered', 'stored', 'done']);
    expect(jsonOf(io).at(-1)).toEqual({ v: 1, type: 'done', ...summary({ stored: 1, bytes: 5 }), session: 1 });
  });
});

describe('a receiver whose disk is waited for', () => {
  const events = [
    connected(),
    offered('a', 5),
    progress('a', 5),
    waiting('a'),
    waiting('a'),
    waiting('b'),
    stored('a', 5),
  ];
  const LINE = "a is sent: waiting for the receiver's disk\n";

  it('is told once in a log', async () => {
    const io = fakeIo();
    await runSend(ARGS, io, library(events, summary({ stored: 1 })));
    expect(io.stderr.text()).toMatch(new RegExp(`^${LINE}1 file, [^\n]+\n$`));
  });

  it.each<[string, Partial<SendArguments>, boolean]>([
    ['with --quiet', { quiet: true }, false],
    ['on a terminal, whose bar tells it', {}, true],
  ])('is not told in a line %s', async (_what, args, isTTY) => {
    let text = '';
    const stderr = { isTTY, columns: 80, rows: 24, write: (part: string) => ((text += part), true) };
    await runSend({ ...ARGS, ...args }, { ...fakeIo(), stderr }, library(events, summary({ stored: 1 })));
    expect(text).not.toContain(LINE);
  });

  it('has an event each time', async () => {
    const io = fakeIo();
    await runSend({ ...ARGS, json: true }, io, library(events, summary({ stored: 1 })));
    expect(jsonOf(io).filter(({ type }) => type === 'waiting')).toHaveLength(3);
  });
});

describe('a session that fails', () => {
  it('is its sentence, what had arrived, and its code', async () => {
    const io = fakeIo();
    expect(await runSend(ARGS, io, library([connected(), offered('a', 5), stored('a', 5)], GONE))).toBe(75);
    expect(io.stderr.text()).toBe(
      'ftx: The connection to host was lost.\n1 file stored on host before that. The same command goes on where it stopped.\n',
    );
  });

  const MIB = 1024 ** 2;
  const GOES_ON = '. The same command goes on where it stopped.\n';
  const part = [offered('big', 9 * MIB), progress('big', 4 * MIB, { size: 9 * MIB })];
  const classic = { ...connected(), protocol: 'classic' } as TransferEvent;
  it.each<[string, TransferEvent[], ErrorCode, string, Partial<SendArguments>?]>([
    ['with a file in part', part, 'lost', `what has arrived is kept${GOES_ON}`],
    ['with a file in part, after retries', [...part, retrying()], 'unknown-host', `what has arrived is kept${GOES_ON}`],
    [
      'with small files outstanding',
      [stored('a', 5), offered('b', 5)],
      'busy',
      `1 file stored on host before that${GOES_ON}`,
    ],
    [
      'with a folder stored only',
      [offered('d', 0, 'directory'), stored('d')],
      'lost',
      '1 folder stored on host before that\n',
    ],
    ['with nothing', [offered('b', 5), progress('b', 5)], 'lost', ''],
    ['for a reason that stays', [...part, stored('a', 5)], 'denied', '1 file stored on host before that\n'],
    ['for a reason that stays, with a part', part, 'identity', ''],
    ['with a file in part, without encryption', part, 'lost', `what has arrived is kept${GOES_ON}`, { plain: true }],
    [
      'of small files without encryption',
      [stored('a', 5)],
      'lost',
      '1 file stored on host before that\n',
      { plain: true },
    ],
    ['of a classic transfer', [classic, ...part], 'lost', '', { classic: true }],
    [
      'of a stream',
      [offered('s', null), progress('s', 9 * MIB, { size: null })],
      'lost',
      '',
      { paths: ['-'], name: 's' },
    ],
    ['with --quiet', part, 'lost', '', { quiet: true }],
  ])('%s says whether the same command goes on', async (_what, events, code, line, args) => {
    const io = fakeIo();
    const failure = new FtxError(code, 'It broke.');
    await runSend({ ...ARGS, quiet: false, ...args }, io, library([connected(), ...events], failure));
    expect(io.stderr.text().split('ftx: It broke.\n')[1]).toBe(line);
  });

  it('is failed and done in JSON, said once', async () => {
    for (const events of [
      [connected(), stored('a', 5)],
      [connected(), stored('a', 5), failed(null, 'lost', GONE.message)],
    ]) {
      const io = fakeIo();
      expect(await runSend({ ...ARGS, json: true }, io, library(events, GONE))).toBe(75);
      expect(jsonOf(io).slice(2)).toEqual([
        { v: 1, type: 'failed', path: null, code: 'lost', message: GONE.message, session: 1 },
        { v: 1, type: 'done', ...summary({ stored: 1, bytes: 5, seconds: 0 }), session: 1 },
      ]);
      expect(io.stderr.text()).toContain('ftx: The connection to host was lost.\n');
    }
  });

  it('shows nothing of what fails after it', async () => {
    const io = fakeIo();
    let emit: SendOptions['onEvent'];
    await runSend({ ...ARGS, json: true }, io, ({ onEvent }) => {
      emit = onEvent;
      return Promise.reject(GONE);
    });
    const before = [io.stdout.text(), io.stderr.text()];
    emit?.(failed('a', 'io', 'The stream cannot be read.'));
    expect([io.stdout.text(), io.stderr.text()]).toEqual(before);
  });

  it('for an unforeseen reason is one sentence too', async () => {
    const io = fakeIo();
    expect(await runSend(ARGS, io, library([], new TypeError('x is not a function')))).toBe(74);
    expect(io.stderr.text()).toBe('ftx: x is not a function\n');
  });
});

describe('a signal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s stops and exits %d', async (signal, code) => {
    const io = fakeIo();
    const { send, running } = abortable([connected(), offered('a', 5), stored('a', 5)]);
    const ended = runSend({ ...ARGS, json: true }, io, send);
    await running;
    io.raise(signal);
    expect(await ended).toBe(code);
    expect(io.stderr.text()).toBe('ftx: stopped: 1 file stored on host. The same command goes on where it stopped.\n');
    expect(jsonOf(io).at(-2)).toMatchObject({ type: 'failed', code: 'aborted' });
    expect([io.exits, io.signalListeners()]).toEqual([[], 0]);
  });

  const MIB = 1024 ** 2;
  const goesOn = 'ftx: stopped: nothing stored on host. The same command goes on where it stopped.\n';
  const ANY_GOES_ON = goesOn.replace('nothing', '1 file');
  const isOver = 'ftx: stopped: nothing stored on host.\n';
  const half = (path: string, size: number | null) => [offered(path, size), progress(path, 4 * MIB, { size })];
  it.each<[string, TransferEvent[], string, Partial<SendArguments>?]>([
    ['a file that has come in part', half('a', 8 * MIB), goesOn],
    [
      'a file that goes on where an earlier one stopped',
      [offered('a', 8 * MIB), resumed('a', MIB, 8 * MIB)],
      `going on with a where it stopped, at 1 MiB\n${goesOn}`,
    ],
    [
      'such a file beside one that was refused',
      [...half('a', 8 * MIB), refused('b', 'exists', '')],
      `ftx: b was refused: \n${goesOn}`,
    ],
    ['small files of which some are stored', [stored('b', 5), offered('a', 5)], ANY_GOES_ON],
    ['a file too small to be kept', half('a', 8 * MIB - 1), isOver],
    [
      'a file of which all was sent',
      [offered('a', 5), progress('a', 5, { size: 5 })],
      'ftx: stopped: nothing stored on host; 1 file was sent and may be there.\n',
    ],
    [
      'files of which all was sent, beside one that is stored and one that was refused',
      ['a', 'b', 'c', 'd']
        .flatMap((path) => [offered(path, 5), progress(path, 5, { size: 5 })])
        .concat(stored('a', 5), refused('b', 'exists', '')),
      `ftx: b was refused: \n${ANY_GOES_ON.replace('host.', 'host; 2 files were sent and may be there.')}`,
    ],
    ['a file of which nothing has moved', [offered('a', 8 * MIB)], isOver],
    [
      'a file that was refused in the middle',
      [...half('a', 8 * MIB), refused('a', 'no-space', 'Full.')],
      `ftx: a was refused: Full.\n${isOver}`,
    ],
    ['a stream', half('a', null), isOver, { paths: ['-'], name: 'a' }],
    [
      'a classic transfer',
      [{ ...connected(), protocol: 'classic' } as TransferEvent, ...half('a', 8 * MIB)],
      isOver,
      { classic: true },
    ],
    ['a dry run', [], 'ftx: stopped: nothing was sent.\n', { dryRun: true }],
  ])('in %s tells whether it can go on', async (_what, events, sentence, args) => {
    const io = fakeIo();
    const { send, running } = abortable([connected(), ...events]);
    const ended = runSend({ ...ARGS, ...args }, io, send);
    await running;
    io.raise('SIGINT');
    await ended;
    expect(io.stderr.text()).toBe(sentence);
  });

  it('that is the second one leaves at once and releases the terminal', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const terminal = fakeTerminal(80, 24);
    const io = { ...fakeIo(), stderr: terminal };
    let end: (result: SendResult) => void = () => undefined;
    let started: () => void = () => undefined;
    const running = new Promise<void>((resolve) => (started = resolve));
    const ended = runSend(ARGS, io, ({ onEvent }) => {
      [connected(), offered('a', 9), progress('a', 5)].forEach((event) => onEvent?.(event));
      started();
      return new Promise((resolve) => (end = resolve));
    });
    await running;
    vi.advanceTimersByTime(100);
    expect(terminal.cursorVisible).toBe(false);
    io.raise('SIGINT');
    expect(io.exits).toEqual([]);
    io.raise('SIGTERM');
    expect([io.exits, terminal.cursorVisible, terminal.screen()]).toEqual([[143], true, []]);
    end(summary());
    await ended;
  });
});
