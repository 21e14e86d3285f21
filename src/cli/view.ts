import type { EventListener } from '../ports.js';
import type { CliIo } from './io.js';

/** Where people read: finished lines, and on a terminal bars below them. */
export interface View {
  readonly onEvent: EventListener;
  /** One finished line of text that is already escaped. */
  readonly print: (line: string) => void;
  /** Gives the terminal back. Safe to call more than once; print still works. */
  readonly close: () => void;
}

export interface Appearance {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly dryRun?: boolean;
}

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
