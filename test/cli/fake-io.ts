/** A process and a terminal for tests of the CLI: no real stream, clock or signal. */
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { CliIo, StopSignal } from '../../src/cli/screen/io.js';
import type { OutputStream } from '../../src/cli/screen/output.js';
import { displayWidth } from '../../src/cli/screen/width.js';

export interface FakeStream extends OutputStream {
  text(): string;
  lines(): string[];
}

export function fakeStream(isTTY = false): FakeStream {
  let written = '';
  return {
    isTTY,
    write: (text) => {
      written += text;
      return true;
    },
    text: () => written,
    lines: () => written.split('\n').slice(0, -1),
  };
}

export interface FakeIo extends CliIo {
  readonly stdin: PassThrough;
  readonly stdout: FakeStream;
  readonly stderr: FakeStream;
  readonly exits: number[];
  raise(signal: StopSignal): void;
  signalListeners(): number;
  /** What now() says next. */
  time: number;
}

export function fakeIo(): FakeIo {
  const signals = new EventEmitter();
  const exits: number[] = [];
  const io: FakeIo = {
    stdin: new PassThrough(),
    stdout: fakeStream(),
    stderr: fakeStream(),
    canMoveCursor: true,
    stopsAtHangUp: true,
    signals,
    exits,
    time: 0,
    now: () => io.time,
    exit: (code) => {
      exits.push(code);
    },
    raise: (signal) => {
      signals.emit(signal, signal);
    },
    signalListeners: () =>
      ['SIGINT', 'SIGTERM', 'SIGHUP'].reduce((sum, signal) => sum + signals.listenerCount(signal), 0),
  };
  return io;
}

export interface FakeTerminal extends OutputStream {
  readonly columns: number;
  readonly rows: number;
  /** What has scrolled off and what is on the screen, without empty lines at the end. */
  screen(): string[];
  resize(columns: number, rows: number): void;
  readonly cursorVisible: boolean;
  readonly wraps: boolean;
}

/** Understands the sequences that cli-progress and the view write, and throws on any other. */
export function fakeTerminal(columns: number, rows: number): FakeTerminal {
  const lines: string[][] = [[]];
  let [row, column, visible, wraps] = [0, 0, true, true];

  const put = (character: string): void => {
    const width = displayWidth(character);
    if (column + width > terminal.columns) {
      if (wraps) newline();
      else column = terminal.columns - width;
    }
    const line = (lines[row] ??= []);
    while (line.length < column) line.push(' ');
    line.splice(column, width, character, ...Array.from({ length: Math.max(0, width - 1) }, () => ''));
    column += width;
  };
  const newline = (): void => {
    row += 1;
    column = 0;
    lines[row] ??= [];
  };
  const top = (): number => Math.max(0, lines.length - terminal.rows);
  const commands: Record<string, (count: number, text: string) => void> = {
    A: (count) => (row = Math.max(top(), row - count)),
    B: (count) => (row += count),
    C: (count) => (column += count),
    D: (count) => (column = Math.max(0, column - count)),
    G: (count) => (column = count - 1),
    J: () => {
      lines.length = row + 1;
      lines[row]?.splice(column);
    },
    K: (_count, text) =>
      text === '2' ? (lines[row] = []) : lines[row]?.splice(Math.min(column, terminal.columns - 1)),
    h: (_count, text) => (text === '?25' ? (visible = true) : (wraps = true)),
    l: (_count, text) => (text === '?25' ? (visible = false) : (wraps = false)),
  };

  const terminal = {
    isTTY: true,
    columns,
    rows,
    write: (text: string): boolean => {
      for (const [part, argument, letter] of text.matchAll(/\x1b\[([?\d;]*)([A-Za-z])|[^]/gu)) {
        if (letter !== undefined) commands[letter]!(Number(argument) || 1, argument ?? '');
        else if (part === '\n') newline();
        else if (part === '\r') column = 0;
        else put(part);
      }
      return true;
    },
    screen: () => {
      const shown = lines.map((line) => line.join('').trimEnd());
      return shown.slice(0, shown.findLastIndex((line) => line !== '') + 1);
    },
    resize: (toColumns: number, toRows: number) => {
      terminal.columns = toColumns;
      terminal.rows = toRows;
    },
    get cursorVisible() {
      return visible;
    },
    get wraps() {
      return wraps;
    },
  };
  return terminal;
}
