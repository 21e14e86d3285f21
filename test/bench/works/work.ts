/** What a work is given, and what it hands back. */
import type { Sizes } from '../sizes.js';
import type { Tool } from '../tools/tool.js';
import type { Result } from '../rounds.js';
import type { WorkId } from '../options.js';

export interface Bench {
  readonly sizes: Sizes;
  readonly rounds: number;
  readonly scratch: string;
  readonly tools: readonly Tool[];
  /** One line for who waits. */
  readonly report: (line: string) => void;
}

/** What came of one work. */
export interface Section {
  readonly title: string;
  /** Markdown. */
  readonly table: string;
  /** Sentences that belong to the table. */
  readonly notes: readonly string[];
  readonly results: readonly Result[];
}

export interface Work {
  readonly id: WorkId;
  /** Bytes that must be free on the disk: small files are kept until the end. */
  needsBytes(sizes: Sizes, rounds: number): number;
  run(bench: Bench): Promise<Section>;
}
