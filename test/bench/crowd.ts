/** Many senders from one process, so that what starting processes costs does not hide what the receiver can do. */
import { countFiles } from './files.js';
import { startLoad } from './load.js';
import { openPost } from './post.js';
import type { Contender, Sample } from './rounds.js';
import { ftxPlain } from './tools/ftx.js';
import type { Usage } from './usage.js';

/** What load/crowd.ts writes. */
export interface CrowdReport {
  readonly seconds: number;
  readonly sender: Usage;
  /** Seconds from the start of all to each one's stored, the fastest first. */
  readonly finishes: readonly number[];
  readonly failures: readonly string[];
}

export interface Crowd {
  readonly name: string;
  readonly senders: number;
  /** That each of them sends. */
  readonly bytes: number;
}

export async function enterCrowd(scratch: string, { name, senders, bytes }: Crowd): Promise<Contender> {
  const post = await openPost(ftxPlain, scratch, `crowd-${senders}`);
  const { daemon } = post;
  if (!daemon) throw new Error('ftx has no daemon.');
  return {
    name,
    durable: ftxPlain.durable,
    async measure(): Promise<Sample> {
      const load = startLoad('crowd', [daemon.port, senders, bytes].map(String));
      await load.read();
      const [report, receiver] = await daemon.watch(async () => {
        load.go();
        return JSON.parse(await load.read()) as CrowdReport;
      });
      await load.stop();
      await check(post.inbox, report, senders * bytes);
      return { seconds: report.seconds, sender: report.sender, receiver, finishes: report.finishes };
    },
    tidy: () => post.tidy(),
    close: () => post.close(),
  };
}

async function check(inbox: string, { failures, finishes }: CrowdReport, expectedBytes: number): Promise<void> {
  const { bytes } = await countFiles(inbox);
  if (failures.length === 0 && bytes === expectedBytes) return;
  const all = finishes.length + failures.length;
  throw new Error(
    `${finishes.length} of ${all} stored, ${bytes} bytes in place. The first failure: ${failures[0] ?? 'none'}`,
  );
}
