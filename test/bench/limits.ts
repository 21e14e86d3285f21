/** What the machine itself can do, measured like a tool in the same rounds. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { emptyFolder } from './files.js';
import { startLoad } from './load.js';
import { awaitSuccess, start } from './processes.js';
import type { Contender } from './rounds.js';
import { MIB } from './sizes.js';

/** Direct writes, one at a time, to a fresh file. */
export async function enterDisk(scratch: string, bytes: number): Promise<Contender> {
  const folder = join(scratch, 'disk');
  await mkdir(folder);
  const argv = ['dd', 'if=/dev/zero', `of=${join(folder, 'zeros')}`, 'bs=1M', `count=${bytes / MIB}`, 'oflag=direct'];
  return {
    name: 'limit: dd oflag=direct bs=1M',
    async measure() {
      const startMs = performance.now();
      return { seconds: ((await awaitSuccess([start({ argv })])) - startMs) / 1000 };
    },
    tidy: () => emptyFolder(folder),
    close: () => Promise.resolve(),
  };
}

/** One stream between two Node processes that do nothing else, without the time they take to start. */
export async function enterLoopback(bytes: number): Promise<Contender> {
  const sink = startLoad('loopback-sink', []);
  const port = await sink.read();
  return {
    name: 'limit: loopback, Node to Node',
    async measure() {
      const source = startLoad('loopback-source', [port, String(bytes)]);
      const seconds = Number(await source.read());
      await source.stop();
      return { seconds };
    },
    tidy: () => Promise.resolve(),
    close: () => sink.stop(),
  };
}
