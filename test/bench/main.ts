/** `npm run bench`: ftx beside what people use today, and beside what the machine can do. */
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { watchExit } from './cleanup.js';
import { freeBytes, makeScratch } from './files.js';
import { describeMachine, formatMachine } from './machine.js';
import { compareBuilds, describeComparison } from './builds.js';
import { HELP, parseOptions, type Options } from './options.js';
import { findProgram } from './programs.js';
import { renderNotes, renderSection, summarize } from './report.js';
import { FULL, QUICK } from './sizes.js';
import { chooseBuilds, chooseTools } from './tools/index.js';
import { findWork } from './works/index.js';
import type { Bench, Section, Work } from './works/work.js';

async function runBench(options: Options): Promise<void> {
  const { against } = options;
  const { tools, missing } = against === undefined ? chooseTools(options.tools) : chooseBuilds(options.tools, against);
  const scratch = await makeScratch(options.dir);
  // Receivers come and go on ever new ports: not in the user's own list of known peers.
  process.env.FTX_HOME = join(scratch, 'home');
  const machine = describeMachine(scratch);
  const notes = [...missing.map((tool) => `Not measured: ${tool}`), ...describeRun(options)];
  process.stdout.write(`# Benchmark\n\n${formatMachine(machine)}\n\n${renderNotes(notes)}`);

  const bench = { sizes: options.isQuick ? QUICK : FULL, rounds: options.rounds, scratch, tools };
  const works = [];
  for (const id of options.works) {
    const report = (line: string) => process.stderr.write(`${id}  ${line}\n`);
    const section = await runWork(findWork(id), { ...bench, report });
    const builds = compareBuilds(section.results);
    const notes = [...section.notes, ...builds.map(describeComparison)];
    process.stdout.write(`\n${renderSection({ ...section, notes })}`);
    works.push({ id, ...summarize(section), builds });
  }
  if (options.json !== undefined)
    await writeFile(options.json, `${JSON.stringify({ machine, options, notes, works }, null, 2)}\n`);
  if (works.some(({ hasFailures }) => hasFailures)) process.exitCode = 1;
}

async function runWork(work: Work, bench: Bench): Promise<Section> {
  const [needed, free] = [work.needsBytes(bench.sizes, bench.rounds), await freeBytes(bench.scratch)];
  if (needed <= free) return work.run(bench);
  const reason = `Skipped: it needs ${Math.ceil(needed / 1e9)} GB on the disk, and ${Math.floor(free / 1e9)} GB are free.`;
  return { title: work.id, table: '', notes: [reason], results: [] };
}

function describeRun({ rounds, isQuick, against }: Options): string[] {
  return [
    ...(against === undefined ? [] : [`The other build is ${against}.`]),
    ...(isQuick ? ['A smoke test with small sizes: its figures mean nothing.'] : []),
    `Medians of ${rounds} rounds. Every tool runs in every round, in an order that changes, to an empty folder, from a source in the page cache.`,
    'The time is that of whole processes: from the start of the sender until it has ended, and the receiver too unless that is a daemon. ftx, rsync and scp have a daemon that is running already.',
    'durable: what is on the disk by then: content and names (yes), the content only (content), or what the system happens to have written (no).',
    '× ftx: how many times as long it takes. CPU: user and system, both ends. MB: largest resident set of one process, in all rounds.',
    ...(findProgram('time') === undefined
      ? ['No CPU and memory of processes that end: GNU time is not installed.']
      : []),
  ];
}

watchExit();
try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(HELP);
  else await runBench(options);
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
