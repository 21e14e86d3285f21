/** The receiver's disk takes its time over each flush, and the connection breaks meanwhile. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { readStoredNames, readTree, tempDir, writeContent } from '../support/folders.js';
import { send, type Mailbox } from '../support/mailbox.js';
import { startFtx } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';
import { needStrace, traceProcess } from '../support/strace.js';

/** `FTX_SLOW_FILES=2000` makes it a long run. */
const FILES = Number(process.env['FTX_SLOW_FILES'] ?? 120);
const FILE_BYTES = 1500;
/** Where the connection breaks, each time anew: when about a third of the tree is on its way. */
const CUT = Math.round((FILES * FILE_BYTES) / 3);
const FLUSH_US = 40_000;

beforeEach(needStrace);

async function makeTree(): Promise<string> {
  const tree = join(await tempDir(), 'tree');
  await mkdir(join(tree, 'inner'), { recursive: true });
  for (let n = 0; n < FILES; n += 1) await writeContent(join(tree, n % 2 ? 'inner' : '', `${n}`), FILE_BYTES, n);
  return tree;
}

/** A receiver that has served somebody, so that all its threads are there, and whose disk is slow from then on. */
async function startSlow(dir: string, args: readonly string[]): Promise<Mailbox> {
  const program = startFtx(['receive', '--dir', dir, '--port', '0', '--json', ...args]);
  const listening = await program.event('listening');
  const address = `127.0.0.1:${listening.port}`;
  const first = join(await tempDir(), 'first');
  await writeContent(first, 1);
  const { status, stderr } = await send(address, first, ...args.filter((arg) => arg === '--plain'));
  expect(status, stderr).toBe(0);
  await traceProcess(program.pid, { calls: ['fsync', 'fdatasync'], fault: `delay_exit=${FLUSH_US}` });
  return { program, dir, port: listening.port, address, listening };
}

it.each([
  ['encrypted', [], [], 1],
  ['without a ledger', ['--no-ledger'], [], 1],
  ['to two receivers of one folder, in turn', [], [], 2],
  ['to two receivers, without encryption', ['--plain'], ['--plain'], 2],
] as const)(
  'a tree that breaks off twice over a slow flush is there once: %s',
  async (_, atReceiver, atSender, count) => {
    const dir = join(await tempDir(), 'received');
    const receivers: Mailbox[] = [];
    while (receivers.length < count) receivers.push(await startSlow(dir, atReceiver));
    let connections = 0;
    const choosePort = () => {
      // The third connection holds.
      if (++connections > 2) proxy.resume();
      return receivers[connections % count]!.port;
    };
    const proxy = await startProxy(choosePort, { toReceiver: { cut: CUT } });
    const tree = await makeTree();
    const sender = startFtx(['send', tree, '--to', proxy.address, '--json', ...atSender]);
    const { status, stderr } = await sender.exit;
    expect([status, connections], stderr).toEqual([0, 3]);
    for (const { program } of receivers) {
      program.kill('SIGTERM');
      await program.exit;
    }
    expect((await readStoredNames(dir)).filter((name) => name.includes('('))).toEqual([]);
    expect(await readTree(join(dir, 'tree'))).toEqual(await readTree(tree));
  },
);
