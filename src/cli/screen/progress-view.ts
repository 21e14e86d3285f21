import cliProgress from 'cli-progress';
import type { EventListener } from '../../core/events.js';
import { describeReceive, describeSend } from './bar-lines.js';
import type { OutputStream } from './output.js';
import { createProgressModel, type ProgressModel } from './progress-model.js';
import type { View } from './view.js';

const TICK_MS = 100;
const MAX_LINES = 12;
/** Rows left to what stands above the bars. */
const SPARE_ROWS = 3;

const CLEAR_BELOW = '\x1b[J';
const WRAP_ON = '\x1b[?7h';
const WRAP_OFF = '\x1b[?7l';

/** Bars at the bottom of a terminal, finished lines above them. Only for a stream that is one. */
export function createProgressView(command: 'send' | 'receive', stream: OutputStream, now: () => number): View {
  const model = createProgressModel(now);
  const board = createBoard(stream);
  let ticker: NodeJS.Timeout | undefined;
  let closed = false;

  // Ticks only while something runs: an idle mailbox costs nothing, and what is over within one tick never flickers.
  const onEvent: EventListener = (event) => {
    model.apply(event);
    if (model.active > 0 && !closed) ticker ??= setInterval(tick, TICK_MS);
  };
  // the size is asked for each time, so a resized terminal is right at the next tick
  const tick = (): void => {
    board.draw(describe(command, model, stream));
    if (model.active === 0) stopTicking();
  };
  const stopTicking = (): void => {
    clearInterval(ticker);
    ticker = undefined;
  };
  const close = (): void => {
    closed = true;
    stopTicking();
    board.clear();
    process.off('exit', close);
  };
  // an uncaught error must not leave the terminal without its cursor
  process.on('exit', close);
  return { onEvent, print: (line) => board.print(line), close };
}

function describe(command: 'send' | 'receive', model: ProgressModel, stream: OutputStream): string[] {
  // One less than there are: a cursor in the last column makes "clear to the right" eat the last character.
  const columns = Math.max(1, (stream.columns ?? 80) - 1);
  const maxLines = Math.min(MAX_LINES, Math.max(1, (stream.rows ?? 24) - SPARE_ROWS));
  const lines =
    command === 'send' ? describeSend(model.sessions(), columns) : describeReceive(model.sessions(), columns, maxLines);
  return lines.slice(0, maxLines);
}

interface Board {
  draw(lines: readonly string[]): void;
  print(line: string): void;
  clear(): void;
}

/** Lines that stay at the bottom: a MultiBar whose bars are plain text, there only while there are lines. */
function createBoard(stream: OutputStream): Board {
  let multibar: cliProgress.MultiBar | undefined;
  const bars: cliProgress.SingleBar[] = [];

  function clear(): void {
    // stop() forgets lines that were logged since the last update
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
      if (multibar === undefined) stream.write(`${line}\n`);
      else multibar.log(`${CLEAR_BELOW}${WRAP_ON}${line}\n${WRAP_OFF}`);
    },
  };
}

function newMultiBar(stream: OutputStream): cliProgress.MultiBar {
  return new cliProgress.MultiBar({
    stream: stream as NodeJS.WritableStream,
    format: (_options, _params, payload: { text: string }) => payload.text,
    hideCursor: true,
    clearOnComplete: true,
    // lines logged above have overwritten the bars
    forceRedraw: true,
    // its own timer is slow, ours draws
    fps: 1,
  });
}
