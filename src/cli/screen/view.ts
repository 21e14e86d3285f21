/** What a command shows its events and lines on. */
import type { EventListener } from '../../core/events.js';

/** Finished lines, and on a terminal progress bars below them. */
export interface View {
  readonly onEvent: EventListener;
  /** Shows one line of text, which is already escaped. */
  readonly print: (line: string) => void;
  /** Releases the terminal. Safe to call more than once; `print` goes on working. */
  readonly close: () => void;
}

/** The options of a command that decide what it shows. */
export interface Appearance {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly dryRun?: boolean;
}
