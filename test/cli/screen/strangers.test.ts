/** What strangers can have written on the screen, in the log, and in the lines of --json: every kind of line that costs them little. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runReceive, type ReceiveArguments } from '../../../src/cli/commands/receive.js';
import type { TransferEvent } from '../../../src/core/events.js';
import type { Receiver, ReceiveResult } from '../../../src/mailbox/receive.js';
import { checked, connected, done, failed, offered, progress, refused, resumed, stored, summary } from '../events.js';
import { fakeIo } from '../fake-io.js';

const ARGS: ReceiveArguments = {
  ...{ dir: 'in', port: 6000, onConflict: 'rename', maxSize: 10, maxFiles: 1000, maxConnections: 3 },
  ...{ classic: true, sync: true, ledger: true, timeoutMs: 60_000, keepPartsMs: 1 },
};
/** Lines and events that the strangers of a network get at once; a little more comes with time. */
const LINES = 200;
const EVENTS = 10_000;
const MINUTE_MS = 60_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A receiver whose events the test emits. */
async function start(more: Partial<ReceiveArguments> = {}) {
  const io = fakeIo();
  let emit: (event: TransferEvent) => void = () => undefined;
  let close: (result: ReceiveResult) => void = () => undefined;
  const closed = new Promise<ReceiveResult>((resolve) => (close = resolve));
  const receiver: Receiver = {
    ...{ dir: '/in', port: 6000, addresses: [], identity: null, closed },
    close: () => Promise.resolve(),
  };
  const ended = runReceive({ ...ARGS, ...more }, io, ({ onEvent }) => {
    emit = onEvent ?? emit;
    return Promise.resolve(receiver);
  });
  await vi.advanceTimersByTimeAsync(0);
  const end = () => {
    close(summary());
    return ended;
  };
  return { io, end, emit: (...events: TransferEvent[]) => events.forEach((event) => emit(event)) };
}

const of = (session: number, event: TransferEvent): TransferEvent => ({ ...event, session }) as TransferEvent;
const inSession = (session: number, ...events: TransferEvent[]): TransferEvent[] =>
  events.map((event) => of(session, event));
const again = (path: string, kind: 'file' | 'symlink' = 'file') => [
  offered(path, 0, kind),
  stored(path, 0, { already: true }),
];
const bad = (number: number) => [offered(`../${number}`), refused(`../${number}`, 'bad-name', `../${number}: No.`)];
const lost = (number: number) => [
  offered(`${number}`),
  resumed(`${number}`, 5, 9),
  progress(`${number}`, 7),
  failed(`${number}`, 'aborted', `Why ${number}.`),
];

/** By what a stranger does: the events of one more of it, in a session of its own or in one session with all others. */
const FLOODS: Record<string, (session: number) => TransferEvent[]> = {
  'a file that is there already': (session) => inSession(session, connected(), ...again('a'), done()),
  'a link that is there already': (session) => inSession(session, connected(), ...again('a', 'symlink'), done()),
  'a bad name': (session) => inSession(session, connected(), ...bad(session), done()),
  'a file that breaks off': (session) => inSession(session, connected(), ...lost(session), done()),
  'a session that fails': (session) => inSession(session, connected(), failed(null, 'protocol', 'No.'), done()),
  'a session that fails before it is one': (session) => [
    { ...of(session, failed(null, 'protocol', 'No.')), peer: '192.0.2.7:1' } as TransferEvent,
    done(session),
  ],
  'a dry run': (session) =>
    inSession(session, connected(), { ...checked(1, 2), dryRun: true } as TransferEvent, done()),
  'a greeting': (session) => inSession(session, connected(), done()),
  'very many sorts of refusals in one session': (session) => [
    ...inSession(session, connected()),
    ...Array.from({ length: 20 }, (_, number) => bad(number)).flatMap((events) => inSession(session, ...events)),
    done(session),
  ],
};

const counted = (lines: readonly string[]) => lines.filter((line) => !line.includes(' left out'));

describe.each(Object.entries(FLOODS))('of %s, again and again', (_, flood) => {
  it('a stranger has a bounded number of lines written, and a sum', async () => {
    const { io, emit, end } = await start();
    for (let session = 1; session <= 3000; session++) emit(...flood(session));
    expect(counted(io.stderr.lines()).length).toBeLessThanOrEqual(LINES);
    const before = io.stderr.lines().length;
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    const sums = io.stderr.lines().slice(before);
    if (before > 0) expect(sums).toEqual([expect.stringMatching(/^ftx: and [\d,]+ more lines .* from 192\.0\.2\.7$/)]);
    await end();
  });

  it('a stranger has a bounded number of --json lines written, and a sum', async () => {
    const { io, emit, end } = await start({ json: true });
    for (let session = 1; session <= 2 * EVENTS; session++) emit(...flood(session));
    expect(io.stdout.lines().length).toBeLessThan(5 * EVENTS);
    const before = io.stdout.lines().length;
    for (let session = 1; session <= 1000; session++) emit(...flood(session));
    expect(io.stdout.lines()).toHaveLength(before);
    await end();
    const last = JSON.parse(io.stdout.lines().at(-1) ?? '') as Record<string, unknown>;
    expect(last).toMatchObject({ v: 1, type: 'omitted', networks: ['192.0.2.7'], areMore: false });
    expect(last.count).toBeGreaterThan(1000);
  });

  it('a known sender has all of its lines written that are not many in one session', async () => {
    const { io, emit, end } = await start({ json: true });
    const known = (event: TransferEvent) => (event.type === 'connected' ? { ...event, known: true } : event);
    let events = 0;
    for (let session = 1; session <= 100; session++) {
      const more = flood(session).map(known);
      events += more.filter(({ type }) => type !== 'progress').length;
      emit(...more);
    }
    const lines = io.stdout.lines().filter((line) => !line.includes('"progress"'));
    expect(lines).toHaveLength(events);
    expect(io.stderr.text()).not.toContain('left out');
    await end();
  });
});

describe('a flood of one network', () => {
  async function flooded(more: Partial<ReceiveArguments> = {}) {
    const receiver = await start(more);
    for (let session = 1; session <= 2 * EVENTS; session++)
      receiver.emit(...inSession(session, connected(), ...bad(session), done()));
    return receiver;
  }

  it('takes no line from others', async () => {
    const { io, emit, end } = await flooded();
    emit(connected(1, '192.0.2.8:5'), ...bad(1), done());
    expect(io.stderr.lines().at(-1)).toBe('ftx: refused ../1 from 192.0.2.8: No.');
    await end();
  });

  it('keeps no new file from being told, nor what belongs to it', async () => {
    const { io, emit, end } = await flooded({ json: true });
    const [lines, events] = [io.stderr.lines().length, io.stdout.lines().length];
    emit(connected(), offered('a'), progress('a', 1), stored('a'), ...bad(1), done());
    expect(io.stderr.lines().slice(lines)).toEqual([expect.stringMatching(/^stored a /)]);
    const types = io.stdout
      .lines()
      .slice(events)
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types).toEqual(['connected', 'offered', 'stored', 'done']);
    await end();
  });

  it('leaves the network a line again after a while', async () => {
    const { io, emit, end } = await flooded();
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    const before = io.stderr.lines().length;
    emit(connected(), ...bad(1), done(), of(2, connected()), ...bad(2).map((event) => of(2, event)), done(2));
    expect(io.stderr.lines().slice(before)).toEqual(['ftx: refused ../1 from 192.0.2.7: No.']);
    await end();
    expect(io.stderr.text()).toContain(
      'ftx: and 1 more line about senders that are not known was left out: from 192.0.2.7',
    );
  });
});

it('of one session, ten lines tell what was there already, and a sum tells of the others', async () => {
  const { io, emit, end } = await start();
  emit(connected(), ...Array.from({ length: 30 }, (_, number) => again(`${number}`)).flat(), done());
  expect(io.stderr.lines().filter((line) => line.includes('already there'))).toHaveLength(11);
  expect(io.stderr.lines().at(-1)).toBe('and 20 more were already there from 192.0.2.7');
  await end();
});

it('new files are told however many they are', async () => {
  const { io, emit, end } = await start({ json: true });
  emit(connected());
  for (let number = 0; number < 2 * EVENTS; number++) emit(offered(`${number}`), stored(`${number}`));
  expect(io.stdout.lines()).toHaveLength(4 * EVENTS + 1);
  await end();
});

it('very many networks share what one has', async () => {
  const { io, emit, end } = await start();
  for (let session = 1; session <= 20_000; session++) {
    const peer = `[2001:db8:${(session >> 16).toString(16)}:${(session & 0xffff).toString(16)}::1]:5`;
    emit(connected(session, peer), ...bad(session).map((event) => of(session, event)), done(session));
  }
  expect(io.stderr.lines().filter((line) => line.includes('refused')).length).toBeLessThanOrEqual(10_000 + LINES);
  await end();
  expect(io.stderr.text()).toMatch(/and [\d,]+ more lines .* and others/);
});
