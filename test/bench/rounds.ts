/** Every contender in every round. */
import { orderOfRound } from './stats.js';
import type { Durability } from './tools/tool.js';
import type { Usage } from './usage.js';

export interface Sample {
  readonly seconds: number;
  readonly sender?: Usage | undefined;
  readonly receiver?: Usage | undefined;
  /** Of many senders from one process: when the file of each was stored, in seconds from the start of all. */
  readonly finishes?: readonly number[];
}

export interface Contender {
  readonly name: string;
  /** Absent where the question does not arise. */
  readonly durable?: Durability;
  measure(): Promise<Sample>;
  /** Outside of what is timed, after each measure. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

export interface Result {
  readonly contender: Contender;
  readonly samples: readonly Sample[];
  /** Why it has not run in all rounds. */
  readonly failure: string | undefined;
}

interface Entry extends Result {
  readonly samples: Sample[];
  failure: string | undefined;
}

/** Closes the contenders at the end. One that fails once is left out of the rounds that follow. */
export async function runRounds(
  contenders: readonly Contender[],
  rounds: number,
  report: (line: string) => void,
): Promise<Result[]> {
  const entries = contenders.map((contender): Entry => ({ contender, samples: [], failure: undefined }));
  for (let round = 0; round < rounds; round++) {
    for (const entry of orderOfRound(entries, round)) {
      await runOnce(entry, (line) => report(`round ${round + 1}/${rounds}  ${entry.contender.name}  ${line}`));
    }
  }
  for (const contender of contenders) await contender.close();
  return entries;
}

async function runOnce(entry: Entry, report: (line: string) => void): Promise<void> {
  const { contender, samples, failure } = entry;
  if (failure !== undefined) return;
  try {
    const sample = await contender.measure();
    await contender.tidy();
    samples.push(sample);
    report(`${sample.seconds.toFixed(3)} s`);
  } catch (error) {
    entry.failure = String(error);
    report(`failed: ${entry.failure}`);
  }
}
