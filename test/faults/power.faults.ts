/** The power fails. What was reported as stored is on the disk when it is back, and a broken transfer goes on. */
import { mkdir, symlink } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectFailure, expectWhole } from '../support/aftermath.js';
import { readNames, readTree, setTime, tempDir, writeContent, type TreeEntry } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { mountDisk, type Disk } from '../support/mounts.js';
import { runFtx, startFtx } from '../support/processes.js';
import { needStrace, traceProcess } from '../support/strace.js';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Below and above what is written past the page cache, and what is kept when it breaks off. */
const SIZES = [0, 1, 4 * KIB, 300 * KIB, MIB + 1, 9 * MIB + 5];
const MANY = 200;
/** What makes many files durable together. */
const hasGroups = existsSync('/usr/bin/perl') || existsSync('/usr/bin/python3');

async function startOn({ dir }: Disk): Promise<Mailbox> {
  const received = join(dir, 'received');
  return { ...(await startReceiver(['--dir', received])), dir: received };
}

/** Stops the receiver first, because after a power cut nobody does anything any more. */
async function failPower(disk: Disk, receiver: Mailbox): Promise<void> {
  receiver.program.kill('SIGSTOP');
  await disk.cut();
  receiver.program.kill('SIGKILL');
  await receiver.program.exit;
  await disk.restore();
}

async function makeTree(): Promise<string> {
  const tree = join(await tempDir(), 'tree');
  await mkdir(join(tree, 'deep/er/empty'), { recursive: true });
  for (const [i, size] of SIZES.entries()) {
    await writeContent(join(tree, `${size}`), size, i);
    await writeContent(join(tree, `deep/er/${size}`), size, i + 10);
  }
  await symlink('er/1', join(tree, 'deep/link'));
  for (const path of ['deep/er/empty', 'deep/er', 'deep', '.']) await setTime(join(tree, path), 1_700_000_000);
  return tree;
}

/** Many small files and a few that are not. */
async function makeMany(): Promise<string> {
  const tree = join(await tempDir(), 'many');
  await mkdir(tree);
  for (let n = 0; n < MANY; n++) await writeContent(join(tree, `${n}`), n % 20 === 0 ? MIB + n : 10 * n, n);
  return tree;
}

describe.each(['ext4', 'xfs'] as const)('a power cut on %s', (kind) => {
  it.for([
    ['of a few files', makeTree],
    ['of many small files', makeMany],
  ] as const)('after a tree %s is stored takes nothing of it', async ([, make], context) => {
    const disk = await mountDisk(context, kind);
    const [receiver, tree] = [await startOn(disk), await make()];
    const { status, stderr } = await send(receiver.address, tree);
    expect(status, stderr).toBe(0);
    await failPower(disk, receiver);
    expect(await readTree(join(receiver.dir, basename(tree)))).toEqual(await readTree(tree));
  });

  it.for([
    ['each', makeTree],
    ['together', makeMany],
  ] as const)(
    'takes what nobody has synchronised, %s: so the tests beside show something',
    async ([how, make], context) => {
      await needStrace(context);
      const disk = await mountDisk(context, kind);
      const [receiver, tree] = [await startOn(disk), await make()];
      const calls = ['fsync', 'fdatasync', 'syncfs'];
      const trace = await traceProcess(receiver.program.pid, { calls, fault: 'retval=0', children: true });
      expect((await send(receiver.address, tree)).status).toBe(0);
      const left = (await trace.stop()).map(({ name }) => name);
      if (how === 'together' && hasGroups) expect(left).toContain('syncfs');
      await failPower(disk, receiver);
      expect(await readTree(disk.dir)).not.toEqual(expect.arrayContaining(await readTree(tree)));
    },
  );

  it('while many files are under way takes none that the sender was told of, and damages none', async (context) => {
    const disk = await mountDisk(context, kind);
    const [receiver, tree] = [await startOn(disk), await makeMany()];
    const sender = startFtx(['send', tree, '--to', receiver.address, '--retry', '0', '--json']);
    await sender.event(
      'stored',
      ({ path }) => path !== 'many' && sender.events().filter(({ type }) => type === 'stored').length > MANY / 3,
    );
    await failPower(disk, receiver);
    expect((await sender.exit).status).toBe(75);
    const arrived = new Map((await readTree(receiver.dir)).map((entry) => [entry.path, entry]));
    const sent = new Map((await readTree(tree)).map((entry) => [`many/${entry.path}`, entry]));
    const told = sender.events().flatMap((event) => (event.type === 'stored' ? [event.path] : []));
    expect(told.length).toBeGreaterThan(MANY / 3);
    expect([...arrived.keys()]).toEqual(expect.arrayContaining(told));
    const contents = (entries: ReadonlyMap<string, TreeEntry>) =>
      [...arrived.keys()]
        .filter((path) => !/(^|\/)\.ftx-|^many$/.test(path))
        .map((path) => [path, entries.get(path)?.content]);
    expect(contents(arrived)).toEqual(contents(sent));

    const next = await startOn(disk);
    expect((await send(next.address, tree)).status).toBe(0);
    expect(await readTree(join(next.dir, 'many'))).toEqual(await readTree(tree));
  });

  it('in the middle of a large file costs the part that was not on the disk', async (context) => {
    const disk = await mountDisk(context, kind);
    const [receiver, file] = [await startOn(disk), join(await tempDir(), 'film.bin')];
    await writeContent(file, 150 * MIB + 5);
    const sending = startFtx(['send', file, '--to', receiver.address, '--retry', '0']);
    await receiver.program.event('progress', ({ bytes }) => bytes >= 100 * MIB);
    await failPower(disk, receiver);
    expectFailure(await sending.exit, 75, /the connection .* was lost/i);
    expect((await readNames(receiver.dir)).filter((name) => !name.startsWith('.ftx-'))).toEqual([]);

    const next = await startOn(disk);
    const again = await runFtx(['send', file, '--to', next.address, '--json']);
    expect(again.status, again.stderr).toBe(0);
    const resumed = await next.program.event('resumed');
    console.log(`resumed at ${resumed.bytes / MIB} MiB`);
    expect(resumed.bytes).toBeGreaterThanOrEqual(32 * MIB);
    await expectWhole(next.dir, file);
    expect(await readNames(next.dir)).toEqual(['film.bin']);
  });
});
