/** What is checked before the first byte, and what a dry run tells of it. */
import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readNames, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver } from '../support/mailbox.js';
import { startFtx } from '../support/processes.js';
import { oneSentence } from '../support/sentences.js';
import { skipTest } from '../support/skips.js';

const MIB = 1024 ** 2;

/** A folder with three files, two of which are refused, an empty folder and a link. */
async function makeTree(): Promise<string> {
  const tree = join(await tempDir(), 'tree');
  await mkdir(join(tree, 'empty'), { recursive: true });
  await writeContent(join(tree, 'a.bin'), 3 * MIB);
  await writeContent(join(tree, 'huge.bin'), 5 * MIB);
  await writeFile(join(tree, 'NUL'), 'x');
  await symlink('a.bin', join(tree, 'link'));
  return tree;
}

const jsonLines = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; path?: string; message?: string });

describe('before the first byte', () => {
  it('all that is refused is told, and the rest is stored', async () => {
    const receiver = await startReceiver(['--max-size', '4M']);
    const { status, stdout, stderr } = await send(receiver.address, await makeTree(), '--json');
    expect(status).toBe(77);
    const lines = jsonLines(stdout).map(({ type, path }) => `${type} ${path}`);
    const refusals = lines.filter((line) => line.startsWith('refused'));
    expect(refusals).toEqual(['refused tree/NUL', 'refused tree/huge.bin']);
    const [checked, firstByte] = [
      lines.findIndex((line) => line.startsWith('checked')),
      lines.findIndex((line) => line.startsWith('progress')),
    ];
    expect(Math.max(...refusals.map((line) => lines.indexOf(line)))).toBeLessThan(checked);
    expect(checked).toBeLessThan(firstByte);
    expect(stderr).toContain('ftx: tree/huge.bin was refused: is 5 MiB, more than the 4 MiB the receiver takes.\n');
    expect(await readNames(receiver.dir)).toEqual(['tree', 'tree/a.bin', 'tree/empty', 'tree/link']);
    expect(await receiver.program.event('refused', ({ path }) => path === 'tree/huge.bin')).toMatchObject({
      code: 'too-large',
    });
  });

  it('a whole that the disk has no room for is refused in one sentence, and less of it is stored', async (context) => {
    const disk = await tempDir();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      skipTest(context, 'a tmpfs cannot be mounted here');
    }
    onTestFinished(() => void execFileSync('umount', ['-l', disk]));
    const receiver = await startReceiver(['--dir', join(disk, 'in')]);
    const folder = join(await tempDir(), 'many');
    await mkdir(folder);
    for (let number = 0; number < 20; number++) await writeContent(join(folder, `${number}`), MIB, number);
    const whole = await send(receiver.address, folder);
    expect(whole.status).toBe(74);
    expect(whole.stderr).toMatch(oneSentence);
    expect(whole.stderr).toContain(
      "What is sent needs 20 MiB, and the receiver's disk has 16 MiB left for it, beside the 64 MiB that stay free.",
    );
    expect(await readNames(join(disk, 'in'))).toEqual([]);
    const [one, other] = [join(folder, '1'), join(folder, '2')];
    expect((await send(receiver.address, one, other)).status).toBe(0);
  });

  it('more entries than the receiver takes at a time are refused in one sentence', async () => {
    const receiver = await startReceiver(['--max-files', '5']);
    const tree = await makeTree();
    const { status, stderr } = await send(receiver.address, tree);
    expect(status).toBe(77);
    expect(stderr).toMatch(oneSentence);
    expect(stderr).toContain('more than the 5 files, folders and links that the receiver takes at a time');
    expect(await readNames(receiver.dir)).toEqual([]);
    expect((await send(receiver.address, join(tree, 'empty'), join(tree, 'a.bin'))).status).toBe(0);
  });

  it('a folder holds what --quota says, what was there before included, whoever sends', async () => {
    const dir = await tempDir();
    await writeContent(join(dir, 'before'), 2 * MIB);
    const receiver = await startReceiver(['--dir', dir, '--quota', '6M']);
    const tree = await makeTree();
    const whole = await send(receiver.address, tree);
    expect(whole.status).toBe(74);
    expect(whole.stderr).toContain(
      "What is sent: 8 MiB is more than the 4 MiB left of the 6 MiB that the receiver's folder may hold.",
    );
    const endless = startFtx(['send', '-', '--name', 'endless', '--retry', '0', '--to', receiver.address]);
    endless.stdin.end(Buffer.alloc(9 * MIB));
    expect((await endless.exit).status).toBe(74);
    const stream = startFtx(['send', '-', '--name', 'stream', '--to', receiver.address]);
    stream.stdin.end(Buffer.alloc(2 * MIB));
    expect((await stream.exit).status).toBe(0);
    const late = await send(receiver.address, join(tree, 'a.bin'));
    expect(late.status).toBe(74);
    expect(late.stderr).toContain('a.bin: 3 MiB is more than the 2 MiB left of the 6 MiB');
    execFileSync('rm', [join(dir, 'before'), join(dir, 'stream')]);
    await expect
      .poll(async () => (await send(receiver.address, join(tree, 'a.bin'))).status, { timeout: 20_000 })
      .toBe(0);
    expect(await readNames(dir)).toEqual(['a.bin']);
  });
});

describe('a dry run', () => {
  it('shows a line for each entry and the whole, and leaves nothing behind', async () => {
    const receiver = await startReceiver(['--max-size', '4M']);
    const tree = await makeTree();
    const first = await send(receiver.address, tree, '--dry-run');
    expect(first.status).toBe(77);
    const { room, table } = splitRoom(first.stdout);
    expect(room).toMatch(/^\d/);
    expect(table).toEqual([
      'refused                    tree/NUL: the name "NUL" is one that Windows reserves for a device.',
      'new                 3 MiB  tree/a.bin',
      'refused                    tree/huge.bin: is 5 MiB, more than the 4 MiB the receiver takes.',
      'new                  link  tree/link',
      'new                folder  tree/empty',
      'new                folder  tree',
      `dry run: 1 file, 2 folders, 1 link (3 MiB) would go to ${receiver.address}; 2 refused. Nothing was sent; there is room for ROOM.`,
    ]);
    expect(await readNames(receiver.dir)).toEqual([]);
    await send(receiver.address, tree);
    const second = await send(receiver.address, tree, '--dry-run');
    expect(splitRoom(second.stdout).table.slice(1)).toEqual([
      'already there       3 MiB  tree/a.bin',
      'refused                    tree/huge.bin: is 5 MiB, more than the 4 MiB the receiver takes.',
      'already there        link  tree/link',
      'already there      folder  tree/empty',
      'already there      folder  tree',
      `dry run: nothing would go to ${receiver.address}, 1 already there; 2 refused. Nothing was sent; there is room for ROOM.`,
    ]);
    await receiver.program.output(
      'stderr',
      /^dry run from 127\.0\.0\.1: asked about 6 entries \(8 MiB\), nothing was sent$/m,
    );
  });

  it.each([
    ['rename', 0, 'rename                4 B  photo.jpg as photo (1).jpg'],
    ['overwrite', 0, 'replace               4 B  photo.jpg'],
    ['skip', 77, 'refused                    photo.jpg: something of that name is there already and is not replaced.'],
    ['fail', 77, 'refused                    photo.jpg: something of that name is there already and is not replaced.'],
  ])('says what --on-conflict %s does', async (policy, status, line) => {
    const receiver = await startReceiver(['--on-conflict', policy]);
    await writeFile(join(receiver.dir, 'photo.jpg'), 'old');
    const source = join(await tempDir(), 'photo.jpg');
    await writeFile(source, 'new!');
    const shown = await send(receiver.address, source, '--dry-run');
    expect(shown.status).toBe(status);
    expect(shown.stdout.split('\n')[0]).toBe(line);
  });

  it('says where a broken transfer would go on', async () => {
    const receiver = await startReceiver();
    const source = join(await tempDir(), 'large.bin');
    await writeContent(source, 400 * MIB);
    const sender = startFtx(['send', source, '--to', receiver.address]);
    await receiver.program.event('progress', ({ bytes }) => bytes > 64 * MIB);
    sender.kill('SIGKILL');
    await receiver.program.event('done');
    const { status, stdout } = await send(receiver.address, source, '--dry-run', '--json');
    expect(status).toBe(0);
    const [planned] = jsonLines(stdout).filter(({ type }) => type === 'planned') as unknown as { offset: number }[];
    expect(planned!.offset).toBeGreaterThanOrEqual(64 * MIB);
    expect((await send(receiver.address, source, '--dry-run')).stdout).toMatch(
      /^resume at \d\d% +400 MiB {2}large\.bin\n/,
    );
    const again = await send(receiver.address, source, '--json');
    expect(jsonLines(again.stdout).find(({ type }) => type === 'resumed')).toMatchObject({ bytes: planned!.offset });
  });

  it('does not promise what a folder that is gone cannot hold', async () => {
    const receiver = await startReceiver();
    const tree = await makeTree();
    execFileSync('rm', ['-r', receiver.dir]);
    const { status, stdout } = await send(receiver.address, tree, '--dry-run');
    expect(status).toBe(74);
    expect(stdout).toContain('tree/a.bin: The receive folder is not the one');
    expect(splitRoom(stdout).table.at(-1)).toContain('dry run: nothing would go to');
  });

  it('is no session that --once waits for', async () => {
    const receiver = await startReceiver(['--once']);
    const tree = await makeTree();
    expect((await send(receiver.address, tree, '--dry-run')).status).toBe(77);
    expect((await send(receiver.address, tree)).status).toBe(77);
    expect((await receiver.program.exit).status).toBe(77);
  });

  it('does not read standard input, and says that its size is unknown', async () => {
    const receiver = await startReceiver();
    const { status, stdout } = await send(receiver.address, '-', '--name', 'stream', '--dry-run');
    expect(status).toBe(0);
    expect(splitRoom(stdout).table).toEqual([
      'new               unknown  stream',
      `dry run: 1 file (of unknown size) would go to ${receiver.address}. Nothing was sent; there is room for ROOM.`,
    ]);
  });

  it('goes with neither classic nor a receiver that is not there', async () => {
    const source = join(await tempDir(), 'a');
    await writeFile(source, 'x');
    const classic = await send('localhost:1', source, '--dry-run', '--classic');
    expect([classic.status, classic.stderr]).toEqual([
      64,
      'ftx: A classic receiver cannot tell what would happen: a dry run goes with ftx only.\n',
    ]);
    expect((await send('127.0.0.1:1', source, '--dry-run')).status).toBe(69);
  });

  it('with --quiet shows only what is refused', async () => {
    const receiver = await startReceiver();
    const { stdout, stderr } = await send(receiver.address, await makeTree(), '--dry-run', '--quiet');
    expect([stdout, stderr]).toEqual([
      '',
      'ftx: tree/NUL was refused: the name "NUL" is one that Windows reserves for a device.\n',
    ]);
  });
});

/** The room on a disk is what it is at the moment. */
function splitRoom(stdout: string): { room: string; table: string[] } {
  const room = /room for (.*)\.\n$/.exec(stdout)?.[1] ?? '';
  return { room, table: stdout.trimEnd().replace(`room for ${room}.`, 'room for ROOM.').split('\n') };
}
