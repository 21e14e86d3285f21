/** A receiver that is running before the senders start. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, untilListening } from './ports.js';
import { start, type Command, type Running } from './processes.js';
import { readCpuSeconds, readPeakBytes, type Usage } from './usage.js';

export interface Daemon {
  readonly port: number;
  /** Does something and tells what it cost the daemon; its peak is that since it was started. */
  watch<T>(work: () => Promise<T>): Promise<readonly [result: T, usage: Usage]>;
  stop(): Promise<void>;
}

const SETTLE_MS = 2000;
const POLL_MS = 5;

/** `forks` as in Tool. */
export async function startDaemon(create: (port: number) => Promise<Command>, forks = false): Promise<Daemon> {
  const [port = 0] = await freePorts(1);
  const running = start(await create(port));
  await untilUp(running, port);
  return {
    port,
    async watch(work) {
      const before = readCpuSeconds(running.pid);
      const result = await work();
      if (forks) await untilAlone(running.pid);
      const cpuSeconds = readCpuSeconds(running.pid) - before;
      return [result, { cpuSeconds, peakBytes: forks ? undefined : readPeakBytes(running.pid) }];
    },
    stop: () => running.stop(),
  };
}

async function untilUp(running: Running, port: number): Promise<void> {
  try {
    await untilListening([port], () => running.hasEnded());
  } catch (error) {
    await running.stop();
    throw new Error(`${String(error)} ${(await running.ended).stderr}`, { cause: error });
  }
}

/** The CPU time of a child counts once it has ended and the daemon has waited for it. */
async function untilAlone(pid: number): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  const children = () => readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  while ((await children()).trim() !== '' && performance.now() < deadline) await sleep(POLL_MS);
}
