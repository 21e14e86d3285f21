import { execFileSync } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeContent, readTree, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { startFtx, type Exit } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** Node 24 takes some 20 MB more than Node 20. */
const MAX_RSS_MB = 180;
const FILES = 1_000;

/** Makes a Node say at its end what the largest amount of memory was that it had. */
const sayPeak = "process.on('exit', () => console.error(`peak ${process.resourceUsage().maxRSS} kB`))";
const options = {
  env: { NODE_OPTIONS: `--import "data:text/javascript,${encodeURIComponent(sayPeak)}"` },
};

function expectSmall({ stderr }: Exit): void {
  const kib = Number(/peak (\d+) kB/.exec(stderr)?.[1]);
  expect((kib * 1024) / 1e6).toBeLessThan(MAX_RSS_MB);
}

async function expectSmallReceiver({ program }: Mailbox): Promise<void> {
  program.kill('SIGTERM');
  expectSmall(await program.exit);
}

it('1 GiB arrives, and the receiver stays small', async () => {
  const receiver = await startReceiver([], options);
  const path = join(await tempDir(), 'large.bin');
  const file = await open(path, 'w');
  await file.truncate(GIB);
  for (let at = 0; at < GIB; at += 7 * MIB) await file.write(makeContent(MIB, at), 0, MIB, at);
  await file.close();

  const { status, stderr } = await send(receiver.address, path);
  expect(status, stderr).toBe(0);
  execFileSync('cmp', [path, join(receiver.dir, 'large.bin')]);
  await expectSmallReceiver(receiver);
});

it('a tree of 1,000 files arrives, and the receiver stays small', async () => {
  const receiver = await startReceiver([], options);
  const source = await tempDir();
  for (let i = 0; i < FILES; i++) {
    const folder = join(source, 'tree', `folder ${i % 40}`);
    if (i < 40) await mkdir(folder, { recursive: true });
    await writeContent(join(folder, `${i}.bin`), (i * 37) % 9000, i);
  }
  const { status, stderr } = await send(receiver.address, join(source, 'tree'));
  expect(status, stderr).toBe(0);
  const contentOf = async (root: string) => (await readTree(root)).map(({ path, content }) => [path, content]);
  expect(await contentOf(receiver.dir)).toEqual(await contentOf(source));
  await expectSmallReceiver(receiver);
});

it('a receiver that takes nothing does not make the sender grow', async () => {
  const receiver = await startReceiver(['--timeout', '2']);
  const path = join(await tempDir(), 'large.bin');
  await writeContent(path, 400 * MIB);
  const proxy = await startProxy(receiver.port, { toReceiver: { stall: 3 * MIB } });
  const sender = startFtx(['send', path, '--retry', '0', '--to', proxy.address, '--timeout', '2'], options);
  const exit = await sender.exit;
  expect(exit.status, exit.stderr).toBe(75);
  expectSmall(exit);
});
