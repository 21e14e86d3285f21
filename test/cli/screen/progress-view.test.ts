import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProgressView } from '../../../src/cli/screen/progress-view.js';
import { openView } from '../../../src/cli/screen/open-view.js';
import type { View } from '../../../src/cli/screen/view.js';
import { connected, done, offered, progress, stored } from '../events.js';
import { fakeIo, fakeStream, fakeTerminal, type FakeTerminal } from '../fake-io.js';

const TICK_MS = 100;

describe('bars on a terminal', () => {
  let terminal: FakeTerminal;
  let view: View;

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    view.close();
    vi.useRealTimers();
  });

  const open = (command: 'send' | 'receive', columns = 80, rows = 24): void => {
    terminal = fakeTerminal(columns, rows);
    view = createProgressView(command, terminal, () => Date.now());
  };
  const start = (session: number, path: string): void => {
    [connected(session), offered(path, 1000, 'file', session), progress(path, 500, { session })].forEach(view.onEvent);
  };
  const tick = (): unknown => vi.advanceTimersByTime(TICK_MS);

  it('appear, stay below finished lines, and are removed at the end', () => {
    open('receive');
    start(1, 'one');
    start(2, 'two');
    tick();
    expect(terminal.screen()).toEqual([expect.stringContaining('one'), expect.stringContaining('two')]);
    expect(terminal.cursorVisible).toBe(false);

    view.print('stored zero');
    view.print('stored half');
    tick();
    expect(terminal.screen()).toEqual([
      'stored zero',
      'stored half',
      expect.stringContaining('one'),
      expect.stringContaining('two'),
    ]);

    view.onEvent(done(1));
    tick();
    expect(terminal.screen()).toEqual(['stored zero', 'stored half', expect.stringContaining('two')]);

    view.print('stored two');
    view.onEvent(done(2));
    tick();
    expect(terminal.screen()).toEqual(['stored zero', 'stored half', 'stored two']);
    expect(terminal.cursorVisible).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('appear again for the next session', () => {
    open('receive');
    start(1, 'one');
    tick();
    view.onEvent(done(1));
    tick();
    view.print('stored one');
    start(2, 'two');
    tick();
    expect(terminal.screen()).toEqual(['stored one', expect.stringContaining('two')]);
  });

  it('do not appear for a session shorter than a tick', () => {
    open('receive');
    start(1, 'one');
    view.onEvent(done(1));
    tick();
    expect(terminal.screen()).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('move ten times a second, not with every event', () => {
    open('send');
    start(1, 'one');
    tick();
    const write = vi.spyOn(terminal, 'write');
    for (let bytes = 500; bytes < 600; bytes += 1) view.onEvent(progress('one', bytes));
    expect(write).not.toHaveBeenCalled();
    tick();
    expect(terminal.screen()[0]).toMatch(/59%/);
  });

  it('show a sender the current file and the whole', () => {
    open('send');
    start(1, 'one');
    view.onEvent(progress('one', 500, { total: { entries: 2, bytes: 2000 } }));
    tick();
    expect(terminal.screen()).toEqual([
      expect.stringMatching(/^one .* 50%/),
      expect.stringMatching(/^0 of 2 done .* 25%/),
    ]);
    view.onEvent(stored('one', 1000));
    tick();
    expect(terminal.screen()).toEqual([expect.stringMatching(/^1 of 2 done .* 50%/)]);
  });

  it('leave rows above them free and fit a narrow terminal', () => {
    open('receive', 40, 8);
    for (let session = 1; session <= 9; session += 1)
      start(session, `a name that is longer than the terminal ${session}`);
    tick();
    expect(terminal.screen()).toHaveLength(5);
    expect(terminal.screen()[4]).toBe('… and 5 more');
    terminal.screen().forEach((line) => expect(line.length).toBeLessThan(40));
  });

  it('fit again when the terminal is resized', () => {
    open('receive', 80, 24);
    for (let session = 1; session <= 9; session += 1) start(session, `name ${session}`);
    tick();
    expect(terminal.screen()).toHaveLength(9);
    terminal.resize(50, 10);
    tick();
    expect(terminal.screen()).toHaveLength(7);
    terminal.screen().forEach((line) => expect(line.length).toBeLessThan(50));
    terminal.resize(120, 24);
    tick();
    expect(terminal.screen()).toHaveLength(9);
    expect(terminal.screen()[0]).toMatch(/192\.0\.2\.7 {2}name 1 .* of .*/);
  });

  it('take a terminal that tells no size for one of 80 columns', () => {
    let written = '';
    const stream = { isTTY: true, columns: 0, rows: 0, write: (text: string) => ((written += text), true) };
    view = createProgressView('send', stream, () => Date.now());
    start(1, 'one');
    tick();
    expect(written).toMatch(/one {5,}\[=+-+\] +50%/);
  });

  it('let a long finished line wrap instead of cutting it', () => {
    open('receive', 40, 24);
    start(1, 'one');
    tick();
    view.print('x'.repeat(50));
    tick();
    expect(terminal.screen()).toEqual(['x'.repeat(40), 'x'.repeat(10), expect.stringContaining('one')]);
  });

  it('show the lines still to be printed and release the terminal when they are closed', () => {
    open('receive');
    start(1, 'one');
    tick();
    view.print('the last word');
    view.close();
    view.close();
    expect(terminal.screen()).toEqual(['the last word']);
    expect([terminal.cursorVisible, terminal.wraps, vi.getTimerCount()]).toEqual([true, true, 0]);
    view.print('after');
    expect(terminal.screen()).toEqual(['the last word', 'after']);
  });

  it('survive that the screen scrolls', () => {
    open('receive', 40, 6);
    start(1, 'one');
    start(2, 'two');
    for (let line = 0; line < 20; line += 1) {
      tick();
      view.print(`stored ${line}`);
    }
    tick();
    expect(terminal.screen()).toEqual([
      ...Array.from({ length: 20 }, (_, line) => `stored ${line}`),
      expect.stringMatching(/^one/),
      expect.stringMatching(/^two/),
    ]);
  });
});

describe('without a terminal', () => {
  const onTerminal = { ...fakeStream(true) };

  it.each([
    ['stderr is no terminal', {}, { json: false, quiet: false }],
    ['--quiet', { stderr: onTerminal }, { json: false, quiet: true }],
    ['JSON goes to the same terminal', { stderr: onTerminal, stdout: onTerminal }, { json: true, quiet: false }],
    ['the terminal is dumb', { stderr: onTerminal, canMoveCursor: false }, { json: false, quiet: false }],
  ])('no bars are drawn: %s', async (_why, io, appearance) => {
    const view = await openView('send', { ...fakeIo(), ...io }, appearance);
    [connected(), offered('one', 1000), progress('one', 500)].forEach(view.onEvent);
    expect(process.listeners('exit')).not.toContain(view.close);
  });

  it('lines are plain text', async () => {
    const io = fakeIo();
    const view = await openView('send', io, { json: false, quiet: false });
    view.print('one');
    view.close();
    expect(io.stderr.text()).toBe('one\n');
  });
});
