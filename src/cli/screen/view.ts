import type { EventListener } from '../../core/events.js';

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
