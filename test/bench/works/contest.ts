/** ftx beside the other tools. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { openPost, type Job } from '../post.js';
import { runRounds, type Contender, type Result } from '../rounds.js';
import type { Kind, Tool } from '../tools/tool.js';
import type { Bench } from './work.js';

export interface Contest {
  readonly kind: Kind;
  readonly job: Job;
  /** Who runs beside the tools; each gets the folder of this contest. */
  readonly others?: readonly ((scratch: string) => Contender | Promise<Contender>)[];
}

export interface Outcome {
  readonly results: readonly Result[];
  /** Sentences about those that did not run in all rounds. */
  readonly problems: readonly string[];
}

/** Runs all tools that take this kind of source, and the others, in every round. */
export async function runContest(bench: Bench, { kind, job, others = [] }: Contest): Promise<Outcome> {
  const scratch = await mkdtemp(join(bench.scratch, 'contest-'));
  const contenders: Contender[] = [];
  const problems: string[] = [];
  for (const tool of bench.tools.filter(({ takes }) => takes.includes(kind))) {
    try {
      contenders.push(await enterTool(tool, job, scratch));
    } catch (error) {
      problems.push(`${tool.name} could not be started: ${String(error)}`);
    }
  }
  for (const enter of others) contenders.push(await enter(scratch));
  const results = await runRounds(contenders, bench.rounds, bench.report);
  return { results, problems: [...problems, ...describeFailures(results)] };
}

async function enterTool(tool: Tool, job: Job, scratch: string): Promise<Contender> {
  const post = await openPost(tool, scratch, tool.id);
  const { name, durable } = tool;
  return { name, durable, measure: () => post.deliver(job), tidy: () => post.tidy(), close: () => post.close() };
}

export function describeFailures(results: readonly Result[]): string[] {
  return results.flatMap(({ contender, samples, failure }) =>
    failure === undefined ? [] : [`${contender.name} failed after ${samples.length} rounds: ${failure}`],
  );
}
