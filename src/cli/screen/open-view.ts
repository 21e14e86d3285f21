import type { CliIo } from './io.js';
import type { Appearance, View } from './view.js';

/** Bars if there is a terminal to draw them on, which nothing else writes to. */
export function wantsBars(io: CliIo, { json, quiet, dryRun }: Appearance): boolean {
  const jsonOnTerminal = json === true && io.stdout.isTTY === true;
  return io.stderr.isTTY === true && io.canMoveCursor && quiet !== true && dryRun !== true && !jsonOnTerminal;
}

export async function openView(command: 'send' | 'receive', io: CliIo, appearance: Appearance): Promise<View> {
  if (!wantsBars(io, appearance)) {
    return { onEvent: () => undefined, print: (line) => io.stderr.write(`${line}\n`), close: () => undefined };
  }
  const { createProgressView } = await import('./progress-view.js');
  return createProgressView(command, io.stderr, io.now);
}
