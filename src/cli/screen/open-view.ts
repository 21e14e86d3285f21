/** Which view a command gets: bars on a terminal, plain lines everywhere else. */
import type { CliIo } from './io.js';
import type { Appearance, View } from './view.js';

/** Whether there is a terminal to draw bars on, to which nothing else is written. */
export function wantsBars(io: CliIo, { json, quiet, dryRun }: Appearance): boolean {
  const jsonOnTerminal = json && io.stdout.isTTY;
  return !!io.stderr.isTTY && io.canMoveCursor && !quiet && !dryRun && !jsonOnTerminal;
}

export async function openView(command: 'send' | 'receive', io: CliIo, appearance: Appearance): Promise<View> {
  if (!wantsBars(io, appearance))
    return { onEvent: () => undefined, print: (line) => io.stderr.write(`${line}\n`), close: () => undefined };
  const { createProgressView } = await import('./progress-view.js');
  return createProgressView(command, io.stderr, io.now);
}
