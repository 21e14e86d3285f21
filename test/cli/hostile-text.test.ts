/** Whatever a peer says, at every place where the commands say something: on a terminal, in a log, as JSON. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeReceive, describeSend } from '../../src/cli/screen/bar-lines.js';
import { escapeText } from '../../src/cli/screen/escape.js';
import { describeFailure } from '../../src/cli/screen/failure.js';
import { describePart } from '../../src/cli/commands/parts.js';
import { describePeer } from '../../src/cli/commands/peers.js';
import { createProgressModel } from '../../src/cli/screen/progress-model.js';
import { runReceive, type ReceiveArguments } from '../../src/cli/commands/receive.js';
import { runSend, type SendArguments } from '../../src/cli/commands/send.js';
import { ERROR_CODES, FtxError, type ErrorCode } from '../../src/core/errors.js';
import type { TransferEvent } from '../../src/core/events.js';
import { summary } from './events.js';
import { fakeIo, fakeStream } from './fake-io.js';

// Spelled out on purpose, as in escape.test.ts.
const FORBIDDEN =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff]/;

const piece = fc.oneof(
  fc.constantFrom(
    '\x1b[2J',
    '\x1b]0;x\x07',
    '\x9b31m',
    '\n',
    '\r',
    '\r\n',
    '\x00',
    '\x7f',
    '\u0085',
    '\u2028',
    '\u202e',
    '\u2066',
    '\ufeff',
    '\u200b',
    '\ud800',
    ': ',
    '"',
    '\\',
    '{',
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
  fc.constantFrom('photo.jpg', 'a', 'ftx: '),
);
/** Texts that stay apart when they are escaped. */
const texts = fc
  .array(
    fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join('')),
    { minLength: 4, maxLength: 4 },
  )
  .filter((list) => new Set(list.map(escapeText)).size === new Set(list).size);

/** One of everything in which a peer has a say. */
function makeEvents(
  [peer = '', path = '', as = '', message = '']: readonly string[],
  code: ErrorCode = 'io',
): TransferEvent[] {
  const session = 1;
  const size = 1000;
  return [
    { type: 'paired', session, peer: `${peer}:1`, identity: `sha256:${'0'.repeat(64)}` },
    { type: 'connected', session, peer: `${peer}:1`, protocol: 'ftx/1' },
    { type: 'offered', session, path, kind: 'file', size },
    { type: 'resumed', session, path, bytes: 10, size },
    { type: 'progress', session, path, bytes: 500, size, total: null },
    {
      type: 'stored',
      session,
      path,
      as,
      size,
      digest: '26c7827d889f6da3',
      already: false,
      durable: true,
      seconds: 0.3,
    },
    { type: 'offered', session, path: as, kind: 'symlink', size: 0 },
    { type: 'stored', session, path: as, as: path, size: 0, digest: null, already: false, durable: true, seconds: 0 },
    { type: 'offered', session, path, kind: 'file', size },
    { type: 'refused', session, path, code, message },
    { type: 'refused', session, path, code, message: `${path}: ${message}` },
    { type: 'failed', session, path, code, message },
    { type: 'retrying', session, code, message, attempt: 1, retries: 5, delaySeconds: 1 },
    { type: 'failed', session, path: null, code, message },
    { type: 'done', session, ...summary() },
  ];
}

interface Output {
  readonly stdout: string;
  /** What was written for each event, and at the end. */
  readonly stderr: string[];
}

interface Appearance {
  readonly json?: boolean;
  readonly isTTY?: boolean;
}

function collect({ isTTY = false }: Appearance) {
  const written: string[] = [];
  const stderr = { isTTY, columns: 100, rows: 24, write: (text: string) => (written.push(text), true) };
  const io = { ...fakeIo(), stderr, stdout: fakeStream() };
  const take = () => written.splice(0).join('');
  return { io, take };
}

const RECEIVE: ReceiveArguments = {
  dir: 'in',
  port: 6000,
  onConflict: 'rename',
  maxSize: 10,
  maxFiles: 1000,
  maxConnections: 3,
  classic: true,
  sync: true,
  ledger: true,
  plain: true,
  keepPartsMs: 1,
  timeoutMs: 60_000,
};
const SEND: SendArguments = { paths: ['x'], to: 'host', timeoutMs: 60_000, retry: 0, quiet: false };

async function receiveAll(events: readonly TransferEvent[], appearance: Appearance): Promise<Output> {
  const { io, take } = collect(appearance);
  const stderr: string[] = [];
  await runReceive({ ...RECEIVE, json: appearance.json === true }, io, ({ onEvent }) => {
    for (const event of events) {
      onEvent?.(event);
      stderr.push(take());
    }
    const closed = Promise.resolve({ ...summary(), refused: 1 });
    return Promise.resolve({
      dir: '/in',
      port: 6000,
      addresses: [],
      identity: null,
      closed,
      close: () => Promise.resolve(),
    });
  });
  return { stdout: io.stdout.text(), stderr: [...stderr, take()] };
}

async function sendAll(events: readonly TransferEvent[], appearance: Appearance, failure?: Error): Promise<Output> {
  const { io, take } = collect(appearance);
  const stderr: string[] = [];
  await runSend({ ...SEND, json: appearance.json === true }, io, ({ onEvent }) => {
    for (const event of events) {
      onEvent?.(event);
      stderr.push(take());
    }
    return failure ? Promise.reject(failure) : Promise.resolve({ ...summary({ stored: 1 }) });
  });
  return { stdout: io.stdout.text(), stderr: [...stderr, take()] };
}

/** As wide as a backslash, and nothing that is escaped. */
const STAND_IN = '\u29f5';
/** A harmless text that looks like the escaped form, but for its backslashes. */
const lookAlike = (text: string): string => escapeText(text).replaceAll('\\', STAND_IN);
/** What is shown of a text, with the backslashes of its escaped form replaced. */
const shownOf = (text: string): string => text.replaceAll('\\', STAND_IN);
const code = fc.constantFrom(...ERROR_CODES);
const commands = [
  ['receive', receiveAll],
  ['send', sendAll],
] as const;

describe.each(commands)('ftx %s', (_, run) => {
  it('writes a line at most for each event, with nothing in it that a terminal would obey or hide', async () => {
    await fc.assert(
      fc.asyncProperty(texts, code, async (list, failureCode) => {
        const { stdout, stderr } = await run(makeEvents(list, failureCode), {});
        expect(stdout).toBe('');
        for (const text of stderr.slice(0, -1)) expect(text).toMatch(/^([^\n]*\n)?$/);
        expect(FORBIDDEN.test(stderr.join(''))).toBe(false);
      }),
    );
  });

  it.each([{}, { isTTY: true }])('shows of a text its escaped form (%o)', async (appearance) => {
    await fc.assert(
      fc.asyncProperty(texts, async (list) => {
        const { stdout, stderr } = await run(makeEvents(list), appearance);
        const harmless = await run(makeEvents(list.map(lookAlike)), appearance);
        expect({ stdout: shownOf(stdout), stderr: stderr.map(shownOf) }).toEqual(harmless);
      }),
    );
  });

  it('writes one line of JSON for each event, which means the same', async () => {
    await fc.assert(
      fc.asyncProperty(texts, code, async (list, failureCode) => {
        const events = makeEvents(list, failureCode);
        const { stdout } = await run(events, { json: true });
        const lines = stdout.split('\n').slice(0, -1);
        expect(FORBIDDEN.test(stdout)).toBe(false);
        expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(events.map((event) => ({ v: 1, ...event })));
      }),
    );
  });
});

describe('the failure of a whole session', () => {
  const failureOf = (message: string): Error =>
    new FtxError('refused', message, { cause: new Error(`cause ${message}`, { cause: message }) });

  it('is one line, whatever its message and its cause hold', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.boolean(), async ([message = ''], isOwn) => {
        const failure = isOwn ? failureOf(message) : new Error(message);
        const { stderr } = await sendAll([], {}, failure);
        expect(stderr.join('')).toMatch(/^ftx: [^\n]+\n$/);
        expect(FORBIDDEN.test(stderr.join(''))).toBe(false);
        expect(describeFailure(failure)).toBe(stderr.join('').slice(0, -1));
        expect(describeFailure(message)).not.toMatch(FORBIDDEN);
      }),
    );
  });

  it('is one line of JSON too', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async ([message = '']) => {
        const { stdout } = await sendAll([], { json: true }, failureOf(message));
        const lines = stdout
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as { type: string; message?: string });
        expect(lines.map(({ type }) => type)).toEqual(['failed', 'done']);
        expect(lines[0]?.message).toBe(message);
      }),
    );
  });
});

it('the name that the receiver gave is shown as its escaped form', async () => {
  const storedAs = (path: string, as: string): TransferEvent[] => makeEvents(['', path, as]).slice(2, 6);
  await fc.assert(
    fc.asyncProperty(texts, async ([path = '', as = '']) => {
      const { stderr } = await sendAll(storedAs(path, as), {});
      expect(FORBIDDEN.test(stderr.join(''))).toBe(false);
      expect(stderr.map(shownOf)).toEqual((await sendAll(storedAs(lookAlike(path), lookAlike(as)), {})).stderr);
    }),
  );
});

it('a bar is one line, and shows of a text its escaped form', () => {
  const draw = (events: readonly TransferEvent[], columns: number): string[] => {
    const model = createProgressModel(() => 0);
    for (const event of events.slice(0, 5)) model.apply(event);
    return [...describeSend(model.sessions(), columns), ...describeReceive(model.sessions(), columns, 5)];
  };
  fc.assert(
    fc.property(texts, fc.constantFrom(10, 50, 80, 200), (list, columns) => {
      const lines = draw(makeEvents(list), columns);
      expect(lines).toHaveLength(2);
      expect(lines.join('')).not.toMatch(/\n/);
      expect(FORBIDDEN.test(lines.join(''))).toBe(false);
      expect(lines.map(shownOf)).toEqual(draw(makeEvents(list.map(lookAlike)), columns));
    }),
  );
});

it('a peer is listed in one line', () => {
  fc.assert(
    fc.property(texts, fc.boolean(), ([host = '', address = ''], paired) => {
      const known = { identity: `sha256:${'0'.repeat(64)}`, since: host } as const;
      for (const line of [
        describePeer({ role: 'receiver', host, paired, ...known }),
        describePeer({ role: 'sender', address, lastAddress: address, lastSeen: host, ...known }),
      ]) {
        expect(line).not.toMatch(/\n/);
        expect(FORBIDDEN.test(line)).toBe(false);
      }
    }),
  );
});

it('a transfer that broke off is listed in one line', () => {
  fc.assert(
    fc.property(texts, ([path = '', peer = '']) => {
      const part = { id: '0', size: 10, bytes: 5, ageSeconds: 7, inUse: false };
      const line = describePart({ ...part, path, peer });
      expect(line).not.toMatch(/\n/);
      expect(FORBIDDEN.test(line)).toBe(false);
      expect(shownOf(line)).toBe(describePart({ ...part, path: lookAlike(path), peer: lookAlike(peer) }));
    }),
  );
});
