import { chmod, cp, mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readNames, readTree, setTime, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver } from '../support/mailbox.js';
import { repository } from '../support/processes.js';

/** A folder with everything a tree can hold. */
async function makeTree(root: string): Promise<void> {
  await cp(`${repository}fixtures/files/folder`, root, { recursive: true });
  await mkdir(join(root, 'a/b/c/d/e'), { recursive: true });
  await mkdir(join(root, 'empty folder'));
  await mkdir(join(root, 'a/empty'));
  await writeContent(join(root, 'a/b/large.bin'), 3 * 1024 * 1024 + 5);
  await writeContent(join(root, 'a/b/c/d/e/deep.bin'), 1025, 3);
  await writeContent(join(root, ' leading space'), 3);
  await writeContent(join(root, '-dash'), 3);
  await writeContent(join(root, '.hidden'), 3);
  await writeContent(join(root, 'é composed'), 3, 1);
  await writeContent(join(root, 'e\u0301 decomposed'), 3, 2);
  await writeContent(join(root, 'n'.repeat(255)), 3);
  await symlink('a/b/large.bin', join(root, 'link to a file'));
  await symlink('../b', join(root, 'a/link to a folder'));
  await symlink('nothing here', join(root, 'a/b/dangling'));
  await chmod(join(root, 'a/b/large.bin'), 0o600);
  await chmod(join(root, '-dash'), 0o755);
  await chmod(join(root, '.hidden'), 0o444);
  await chmod(join(root, 'a/empty'), 0o700);
  await chmod(join(root, 'a/b/c'), 0o775);
  let seconds = 1_500_000_000.5;
  // The deepest first, as writing into a folder changes its time.
  for (const { path, kind } of (await readTree(root)).reverse()) {
    if (kind !== 'symlink') await setTime(join(root, path), (seconds += 1));
  }
  await setTime(root, 1_400_000_000.25);
}

it('a tree arrives as it is: content, times, modes, links, empty folders, names', async () => {
  const receiver = await startReceiver();
  const source = await tempDir();
  await makeTree(join(source, 'tree'));

  const { status, stderr } = await send(receiver.address, join(source, 'tree'));
  expect(status, stderr).toBe(0);
  expect(await readTree(receiver.dir)).toEqual(await readTree(source));
});

it('a tree sent with a slash at its end, or as the folder one is in, is the same', async () => {
  const source = await tempDir();
  await makeTree(join(source, 'tree'));
  const receiver = await startReceiver();
  const { status, stderr } = await send(receiver.address, `${join(source, 'tree')}/`);
  expect(status, stderr).toBe(0);
  expect(await readTree(receiver.dir)).toEqual(await readTree(source));
});

it('several folders and files in one call', async () => {
  const receiver = await startReceiver();
  const source = await tempDir();
  await makeTree(join(source, 'tree'));
  await mkdir(join(source, 'nothing in it'));
  await writeContent(join(source, 'single.bin'), 5000);

  const paths = ['tree', 'nothing in it', 'single.bin'].map((name) => join(source, name));
  const { status, stderr } = await send(receiver.address, ...paths);
  expect(status, stderr).toBe(0);
  expect(await readTree(receiver.dir)).toEqual(await readTree(source));
});

it.each([
  ['above the folder', '../../outside'],
  ['an absolute path', '/etc/hostname'],
  ['a sibling of the folder', '../sibling'],
])('a link that points to %s is refused, and the rest arrives', async (_, target) => {
  const receiver = await startReceiver();
  const source = await tempDir();
  const tree = join(source, 'tree');
  await mkdir(tree);
  await writeFile(join(tree, 'a.txt'), 'a');
  await symlink(target, join(tree, 'bad'));
  await symlink('a.txt', join(tree, 'good'));
  await writeFile(join(tree, 'z.txt'), 'z');

  const { status, stderr } = await send(receiver.address, tree);
  expect(status).toBe(77);
  expect(stderr).toContain('tree/bad');
  expect(await readNames(receiver.dir)).toEqual(['tree', 'tree/a.txt', 'tree/good', 'tree/z.txt']);
  expect(await readlink(join(receiver.dir, 'tree/good'))).toBe('a.txt');
  expect(await receiver.program.event('refused')).toMatchObject({ path: 'tree/bad', code: 'bad-link' });
});

it('a link named on the command line is followed, and keeps its name', async () => {
  const receiver = await startReceiver();
  const source = await tempDir();
  await writeFile(join(source, 'target.txt'), 'content');
  await symlink('target.txt', join(source, 'link.txt'));
  const { status, stderr } = await send(receiver.address, join(source, 'link.txt'));
  expect(status, stderr).toBe(0);
  expect(await readFile(join(receiver.dir, 'link.txt'), 'utf8')).toBe('content');
});

it('a tree that is there already arrives beside it', async () => {
  const receiver = await startReceiver();
  const source = await tempDir();
  await mkdir(join(source, 'tree'));
  await writeContent(join(source, 'tree/a.bin'), 100, 1);
  expect((await send(receiver.address, join(source, 'tree'))).status).toBe(0);
  await writeContent(join(source, 'tree/a.bin'), 200, 2);
  expect((await send(receiver.address, join(source, 'tree'))).status).toBe(0);
  const names = await readNames(receiver.dir);
  expect(names.filter((name) => name.endsWith('.bin'))).toHaveLength(2);
});
