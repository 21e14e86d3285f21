/** A tool that stands ready to be measured. */
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { startDaemon, type Daemon } from './daemon.js';
import { countFiles, emptyFolder, type Amount } from './files.js';
import { freePorts, untilListening } from './ports.js';
import { awaitSuccess, start, type Command, type Running } from './processes.js';
import type { Sample } from './rounds.js';
import type { Site, Tool } from './tools/tool.js';
import { addUsage, readReport, timed, type Usage } from './usage.js';

/** What is sent: each source by a sender of its own, all at once. */
export interface Job {
  readonly sources: readonly string[];
  readonly total: Amount;
  /** False where the process that measures CPU and memory would show in the time. */
  readonly hasUsage: boolean;
}

export interface Post {
  readonly inbox: string;
  readonly daemon: Daemon | undefined;
  /** Sends it all and looks whether it has arrived; throws if not. */
  deliver(job: Job): Promise<Sample>;
  /** Removes what has arrived. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

/** Makes folders for the tool below `scratch`, and starts its daemon if it has one. */
export async function openPost(tool: Tool, scratch: string, name: string): Promise<Post> {
  const site = { dir: join(scratch, name), inbox: join(scratch, name, 'inbox') };
  await mkdir(site.inbox, { recursive: true });
  const { daemon: command, forks } = tool;
  const daemon = command && (await startDaemon((port) => command(site, port), forks));
  return {
    inbox: site.inbox,
    daemon,
    async deliver(job) {
      const sample = daemon ? await sendToDaemon(tool, site, job, daemon) : await sendInPairs(tool, site, job);
      await checkArrived(site.inbox, job.total);
      return sample;
    },
    tidy: () => emptyFolder(site.inbox),
    close: () => daemon?.stop() ?? Promise.resolve(),
  };
}

async function sendToDaemon(tool: Tool, site: Site, { sources, hasUsage }: Job, daemon: Daemon): Promise<Sample> {
  const [{ seconds, usage }, receiver] = await daemon.watch(() => {
    return timeSenders(
      sources.map((source) => tool.sender(source, site, daemon.port)),
      [],
      site,
      hasUsage,
    );
  });
  return hasUsage ? { seconds, sender: usage, receiver } : { seconds };
}

/** One receiver for each sender. It is done when both have ended. */
async function sendInPairs(tool: Tool, site: Site, { sources, hasUsage }: Job): Promise<Sample> {
  const ports = await freePorts(sources.length);
  const portOf = (i: number) => ports[i] ?? 0;
  const commands = sources.flatMap((source, i) => tool.receiver?.(source, site, portOf(i)) ?? []);
  const receivers = commands.map((command, i) => startMeasured(command, reportOf(site, 'receiver', i), hasUsage));
  await untilListening(ports, () => receivers.some((receiver) => receiver.hasEnded()));
  const senders = sources.map((source, i) => tool.sender(source, site, portOf(i)));
  const { seconds, usage } = await timeSenders(senders, receivers, site, hasUsage);
  return { seconds, sender: usage, receiver: hasUsage ? readUsage(site, 'receiver', receivers.length) : undefined };
}

/** From the start of the first sender until all, and the receivers that belong to them, have ended. */
async function timeSenders(commands: readonly Command[], receivers: readonly Running[], site: Site, hasUsage: boolean) {
  const startMs = performance.now();
  const senders = commands.map((command, i) => startMeasured(command, reportOf(site, 'sender', i), hasUsage));
  const endMs = await awaitSuccess([...senders, ...receivers]);
  return { seconds: (endMs - startMs) / 1000, usage: hasUsage ? readUsage(site, 'sender', senders.length) : undefined };
}

function startMeasured(command: Command, report: string, hasUsage: boolean): Running {
  return hasUsage
    ? start({ ...command, argv: timed(command.argv, report) }, basename(command.argv[0] ?? ''))
    : start(command);
}

function reportOf({ dir }: Site, end: 'sender' | 'receiver', number: number): string {
  return join(dir, `${end}-${number}.usage`);
}

function readUsage(site: Site, end: 'sender' | 'receiver', count: number): Usage | undefined {
  return addUsage(Array.from({ length: count }, (_, i) => readReport(reportOf(site, end, i))));
}

/** Catches a tool that has failed and says nothing; that the bytes are right is for the tests. */
async function checkArrived(inbox: string, expected: Amount): Promise<void> {
  const { files, bytes } = await countFiles(inbox);
  if (files === expected.files && bytes === expected.bytes) return;
  throw new Error(`${files} files of ${bytes} bytes arrived, not ${expected.files} of ${expected.bytes}.`);
}
