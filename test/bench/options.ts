/** What can be asked of the benchmark on its command line. */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

/** In the order in which they run. */
export const WORK_IDS = ['file', 'tree', 'tiny', 'senders', 'crowd', 'slow', 'size', 'count'] as const;
export type WorkId = (typeof WORK_IDS)[number];
const LONG_WORKS: readonly WorkId[] = ['size', 'count'];

/** The works in which any tool can run, and so two builds of ftx. */
const CONTESTS: readonly WorkId[] = ['file', 'tree', 'tiny', 'senders'];

export interface Options {
  readonly works: readonly WorkId[];
  /** Ids of tools; undefined is all. */
  readonly tools: readonly string[] | undefined;
  /** The dist of another build of ftx, or the package folder that holds it. */
  readonly against: string | undefined;
  readonly rounds: number;
  /** Where the scratch folder is made. */
  readonly dir: string;
  readonly json: string | undefined;
  readonly isQuick: boolean;
}

export const HELP = `npm run bench -- [options]

ftx beside the tools that are installed, in ${WORK_IDS.slice(0, 4).join(', ')};
ftx alone in ${WORK_IDS.slice(4).join(', ')}.

  --only WORKS    some of ${WORK_IDS.join(',')} (default: all but ${LONG_WORKS.join(' and ')})
  --long          ${LONG_WORKS.join(' and ')} too: 20 GiB against 1 GiB, 100,000 files against 10,000
  --tools TOOLS   some of ftx,ftx-plain,ftx-no-sync,nc,nc-sync,socat,rsync,rsync-fsync,scp,tar (default: all)
  --against DIST  ftx alone beside another build of it, in ${CONTESTS.join(', ')}: for each work the median of the
                  ratios of the rounds, this build by the other one. DIST is the other build's dist, or the
                  package folder that holds it; its dependencies must be found from there
  --rounds N      how often each tool runs each work (default 7; with --quick 2)
  --dir FOLDER    where to make the scratch folder (default ${tmpdir()})
  --json FILE     write every sample and median there
  --quick         a smoke test with small sizes: its figures mean nothing
`;

/** Throws an Error whose message says what is wrong. */
export function parseOptions(argv: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string' },
      tools: { type: 'string' },
      against: { type: 'string' },
      rounds: { type: 'string' },
      dir: { type: 'string', default: tmpdir() },
      json: { type: 'string' },
      quick: { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const works = values.only === undefined ? defaultWorks(values.long) : values.only.split(',').map(parseWork);
  return {
    works: values.against === undefined ? works : contestsOf(works, values.only !== undefined),
    tools: values.tools?.split(','),
    against: values.against,
    rounds: parseRounds(values.rounds ?? (values.quick ? '2' : '7')),
    dir: values.dir,
    json: values.json,
    isQuick: values.quick,
  };
}

function defaultWorks(isLong: boolean): readonly WorkId[] {
  return WORK_IDS.filter((id) => isLong || !LONG_WORKS.includes(id));
}

/** Throws when a work that was asked for by name has no place for another build. */
function contestsOf(works: readonly WorkId[], areNamed: boolean): readonly WorkId[] {
  const unfit = works.find((id) => !CONTESTS.includes(id));
  if (areNamed && unfit !== undefined) throw new Error(`--against runs ${CONTESTS.join(', ')}, but not ${unfit}.`);
  return works.filter((id) => CONTESTS.includes(id));
}

function parseWork(text: string): WorkId {
  const id = WORK_IDS.find((known) => known === text);
  if (id === undefined) throw new Error(`--only knows ${WORK_IDS.join(', ')}, but not ${text}.`);
  return id;
}

function parseRounds(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new Error(`--rounds needs a number from 1, not ${text}.`);
  return Number(text);
}
