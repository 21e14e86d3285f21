/** Progress bars at the bottom of a terminal. */
import cliProgress from 'cli-progress';
import type { EventListener } from '../../core/events.js';
import { describeReceive, describeSend } from './bar-lines.js';
import type { OutputStream } from './output.js';
import { createProgressModel, type ProgressModel } from './progress-model.js';
import type { View } from './view.js';

const TICK_MS = 100;
const MAX_LINES = 12;
/** Rows that stay free for the lines above the bars. */
const SPARE_ROWS = 3;

/** The size of a terminal that does not tell its size. */
const UNKNOWN_COLUMNS = 80;
const UNKNOWN_ROWS = 24;

const CLEAR_BELOW = '\x1b[J';
const WRAP_ON = '\x1b[?7h';
const WRAP_OFF = '\x1b[?7l';

/** Draws bars at the bottom of the terminal, and finished lines above them. `stream` has to be a terminal. */
export function createProgressView(command: 'send' | 'receive', stream: OutputStream, now: () => number): View {
  const model = createProgressModel(now);
  const board = createBoard(stream);
  let ticker: NodeJS.Timeout | undefined;
  let closed = false;

  // The ticker runs only while a session does, so an idle mailbox costs nothing. A session shorter than a tick shows no bar.
  const onEvent: EventListener = (event) => {
    model.apply(event);
    if (model.active > 0 && !closed) ticker ??= setInterval(tick, TICK_MS);
  };
  // Each tick asks for the size of the terminal, which may have changed.
  const tick = () => {
    board.draw(describe(command, model, stream));
    if (model.active === 0) stopTicking();
  };
  const stopTicking = () => {
    clearInterval(ticker);
    ticker = undefined;
  };
  const close = () => {
    closed = true;
    stopTicking();
    board.clear();
    process.off('exit', close);
  };
  // An error that nobody catches must not leave the terminal without its cursor.
  process.on('exit', close);
  return { onEvent, print: (line) => board.print(line), close };
}

function describe(command: 'send' | 'receive', model: ProgressModel, stream: OutputStream): string[] {
  // The last column stays empty: with the cursor in it, "clear to the right" removes the last character.
  // A serial line and `docker exec -t` say that they have 0 columns and rows, which means that they do not know.
  const columns = Math.max(1, (stream.columns || UNKNOWN_COLUMNS) - 1);
  const maxLines = Math.min(MAX_LINES, Math.max(1, (stream.rows || UNKNOWN_ROWS) - SPARE_ROWS));
  const lines =
    command === 'send' ? describeSend(model.sessions(), columns) : describeReceive(model.sessions(), columns, maxLines);
  return lines.slice(0, maxLines);
}

interface Board {
  draw(lines: readonly string[]): void;
  print(line: string): void;
  clear(): void;
}

/** Lines that stay at the bottom: a MultiBar with plain text for bars. It exists only while there are lines. */
function createBoard(stream: OutputStream): Board {
  let multibar: cliProgress.MultiBar | undefined;
  const bars: cliProgress.SingleBar[] = [];

  function clear(): void {
    // Without this, stop() loses lines that were logged since the last update.
    multibar?.update();
    multibar?.stop();
    multibar = undefined;
    bars.length = 0;
  }

  function draw(lines: readonly string[]): void {
    if (lines.length === 0) {
      clear();
      return;
    }
    multibar ??= newMultiBar(stream);
    while (bars.length < lines.length) bars.push(multibar.create(1, 0, { text: '' }));
    bars.slice(lines.length).forEach((bar) => multibar?.remove(bar));
    bars.length = lines.length;
    bars.forEach((bar, at) => bar.update({ text: lines[at] }));
    multibar.update();
  }

  return {
    draw,
    clear,
    print: (line) => {
      if (multibar) multibar.log(`${CLEAR_BELOW}${WRAP_ON}${line}\n${WRAP_OFF}`);
      else stream.write(`${line}\n`);
    },
  };
}

function newMultiBar(stream: OutputStream): cliProgress.MultiBar {
  return new cliProgress.MultiBar({
    stream: stream as NodeJS.WritableStream,
    format: (_options, _params, payload: { text: string }) => payload.text,
    hideCursor: true,
    clearOnComplete: true,
    // Lines that were logged above have overwritten the bars.
    forceRedraw: true,
    // The timer of MultiBar draws as rarely as it can, because the ticker above draws.
    fps: 1,
  });
}
