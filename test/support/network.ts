/** A second machine, as far as the network is concerned: a network namespace at the end of a virtual cable. Linux and root only. */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { promisify } from 'node:util';
import { onTestFinished, type TestContext } from 'vitest';
import { skipTest } from './skips.js';

const run = promisify(execFile);
const ip = async (...args: string[]): Promise<void> => {
  await run('ip', args);
};

export interface OtherMachine {
  /** How this machine reaches it. */
  readonly address: string;
  /** Before a command, to run it there. */
  readonly prefix: readonly string[];
  /** Without a word to anybody: nothing arrives any more on either side. */
  unplug(): Promise<void>;
  plugIn(): Promise<void>;
  /** Its address belongs to nobody now, as of one that has gone to another network. */
  loseAddress(): Promise<void>;
  getAddress(): Promise<void>;
}

/** At 200 Mbit/s, so that a file takes its time. */
export async function connectMachine(context: TestContext): Promise<OtherMachine> {
  const id = randomInt(2 ** 24);
  const name = `ftx${id.toString(16)}`;
  const [near, far] = [`${name}a`, `${name}b`];
  // Of 198.18.0.0/15, which is kept for tests of networks (RFC 2544).
  const network = `198.${18 + (id % 2)}.${(id >> 1) % 256}.${((id >> 9) % 64) * 4}`;
  const addressOf = (host: number) => network.replace(/\d+$/, (last) => String(Number(last) + host));
  // Not `ip netns exec`, which copies all mounts of the moment: a disk of another test would stay in use.
  const prefix = ['nsenter', `--net=/run/netns/${name}`];
  const within = (...args: string[]) => ip('-n', name, ...args);
  const giveAddress = () => within('addr', 'add', `${addressOf(2)}/30`, 'dev', far);
  try {
    await run('nsenter', ['--version']);
    await ip('netns', 'add', name);
    onTestFinished(() => ip('netns', 'del', name));
    await ip('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name);
    await ip('addr', 'add', `${addressOf(1)}/30`, 'dev', near);
    await giveAddress();
    await ip('link', 'set', near, 'up');
    await within('link', 'set', far, 'up');
    await within('link', 'set', 'lo', 'up');
    await run('tc', [
      'qdisc',
      'add',
      'dev',
      near,
      'root',
      'tbf',
      'rate',
      '200mbit',
      'burst',
      '256kb',
      'latency',
      '50ms',
    ]);
  } catch (error) {
    skipTest(
      context,
      `no second network can be made here: ${error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : ''}`,
    );
  }
  return {
    address: addressOf(2),
    prefix,
    unplug: () => ip('link', 'set', near, 'down'),
    plugIn: () => ip('link', 'set', near, 'up'),
    loseAddress: () => within('addr', 'del', `${addressOf(2)}/30`, 'dev', far),
    getAddress: giveAddress,
  };
}
