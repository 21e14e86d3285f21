import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rmdir, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FtxError } from '../../../src/core/errors.js';
import type { Entry } from '../../../src/core/entry.js';
import type { Source } from '../../../src/core/source.js';
import { inspectInput } from '../../../src/storage/source/input.js';
import { readSources, type ReadOptions } from '../../../src/storage/source/tree.js';
import { refusal } from '../../contract/sink.contract.js';
import { copyBlocks } from '../../contract/source.contract.js';
import { setTime, tempDir } from '../../support/folders.js';

async function readEntries(paths: readonly string[], options?: ReadOptions): Promise<Entry[]> {
  const entries = [];
  for await (const { entry } of readSources(paths, options)) entries.push(entry);
  return entries;
}

async function readPaths(paths: readonly string[], options?: ReadOptions): Promise<string[]> {
  return (await readEntries(paths, options)).map((entry) => entry.path);
}

/** The same tree for all: `folder/{a/{deep/{},x},b.txt,empty/,link,z}`. */
async function makeTree(): Promise<string> {
  const folder = join(await tempDir(), 'folder');
  await mkdir(join(folder, 'a', 'deep'), { recursive: true });
  await mkdir(join(folder, 'empty'));
  await writeFile(join(folder, 'a', 'x'), '12345');
  await writeFile(join(folder, 'b.txt'), '1234567');
  await writeFile(join(folder, 'z'), '');
  await symlink('a/x', join(folder, 'link'));
  return folder;
}

const TREE = [
  'folder/a/x',
  'folder/b.txt',
  'folder/link',
  'folder/z',
  'folder/a/deep',
  'folder/a',
  'folder/empty',
  'folder',
];

describe('readSources', () => {
  it('reads files and links in order, then folders from the deepest up', async () => {
    expect(await readPaths([await makeTree()])).toEqual(TREE);
  });

  it('offers kinds, sizes, times, permissions and targets', async () => {
    const folder = await makeTree();
    await chmod(join(folder, 'b.txt'), 0o4751);
    await setTime(join(folder, 'b.txt'), 1_234_567_890);
    await chmod(join(folder, 'empty'), 0o1700);
    await setTime(join(folder, 'empty'), 1_234_567_891);
    const entries = new Map((await readEntries([folder])).map((entry) => [entry.path, entry]));
    expect(entries.get('folder/b.txt')).toEqual({
      path: 'folder/b.txt',
      kind: 'file',
      size: 7,
      mode: 0o751,
      mtimeNs: 1_234_567_890_000_000_000n,
    });
    expect(entries.get('folder/empty')).toEqual({
      path: 'folder/empty',
      kind: 'directory',
      size: 0,
      mode: 0o700,
      mtimeNs: 1_234_567_891_000_000_000n,
    });
    expect(entries.get('folder/link')).toMatchObject({ kind: 'symlink', size: 0, target: 'a/x' });
  });

  it('leaves out what a receiver keeps in a folder, and nothing else', async () => {
    const folder = await makeTree();
    const own = ['.ftx-0123456789abcdef.part', '.ftx-0123456789abcdef.journal', '.ftx-1-2-3-4.lock'];
    for (const name of own) {
      await writeFile(join(folder, name), '');
      await writeFile(join(folder, 'a', name), '');
    }
    await mkdir(join(folder, '.ftx-ledger'));
    await writeFile(join(folder, '.ftx-ledger', 'x'), '');
    for (const name of ['.ftx-ledger.txt', '.ftx-notes', 'x.part']) await writeFile(join(folder, name), '');
    const others = ['.ftx-ledger.txt', '.ftx-notes', 'x.part'].map((name) => `folder/${name}`);
    expect((await readPaths([folder])).sort()).toEqual([...TREE, ...others].sort());
  });

  it('hands out the content of files, and none of folders and links', async () => {
    const contents: Record<string, string> = {};
    for await (const source of readSources([await makeTree()])) {
      contents[source.entry.path] = Buffer.concat(await copyBlocks(source, 0)).toString();
    }
    expect(Object.values(contents).filter(Boolean)).toEqual(['12345', '1234567']);
    expect(contents['folder/a/x']).toBe('12345');
  });

  it('reads folders in folders to any depth', async () => {
    const dir = await tempDir();
    const depth = 1500;
    execFileSync('mkdir', ['-p', join(dir, 'd/'.repeat(depth))]);
    const paths = await readPaths([join(dir, 'd')]);
    expect(paths).toHaveLength(depth);
    expect(paths.at(-1)).toBe('d');
    execFileSync('rm', ['-r', join(dir, 'd')]);
  });

  it('never follows a link inside a folder, not even to a folder or in a circle', async () => {
    const folder = await makeTree();
    await symlink('.', join(folder, 'circle'));
    await symlink('/etc', join(folder, 'outside'));
    await symlink('nowhere', join(folder, 'dangling'));
    const entries = await readEntries([folder]);
    const links = entries.filter((entry) => entry.kind === 'symlink').map(({ path, target }) => [path, target]);
    expect(links).toEqual([
      ['folder/circle', '.'],
      ['folder/dangling', 'nowhere'],
      ['folder/link', 'a/x'],
      ['folder/outside', '/etc'],
    ]);
    expect(entries).toHaveLength(TREE.length + 3);
  });

  it('follows a link that the user named, under its own name', async () => {
    const folder = await makeTree();
    const links = await tempDir();
    await symlink(folder, join(links, 'tree'));
    await symlink(join(folder, 'link'), join(links, 'file'));
    const paths = await readPaths([join(links, 'file'), join(links, 'tree')]);
    expect(paths).toEqual(['file', ...TREE.map((path) => path.replace('folder', 'tree'))]);
  });

  it('takes the name from a path however it is written', async () => {
    const folder = await makeTree();
    const cwd = process.cwd();
    try {
      for (const [at, path, name] of [
        [folder, '.', 'folder'],
        [join(folder, 'a'), '..', 'folder'],
        [cwd, `${folder}/`, 'folder'],
        [cwd, `${folder}/a/../empty/.`, 'empty'],
      ] as const) {
        process.chdir(at);
        expect((await inspectInput(path)).path).toBe(name);
      }
    } finally {
      process.chdir(cwd);
    }
  });

  it('uses a name for one path', async () => {
    const folder = await makeTree();
    expect(await readPaths([folder], { name: 'other' })).toEqual(TREE.map((path) => path.replace('folder', 'other')));
    await expect(readPaths(['/'])).rejects.toThrow(refusal('usage'));
    expect((await inspectInput('/', 'all')).path).toBe('all');
  });

  it('looks at all paths before it hands out the first', async () => {
    const folder = await makeTree();
    const sources = readSources([folder, join(folder, 'missing')]);
    await expect(sources.next()).rejects.toThrow(refusal('not-found'));
  });

  it('names what is missing', async () => {
    const dir = await tempDir();
    await symlink('nowhere', join(dir, 'dangling'));
    await symlink('loop', join(dir, 'loop'));
    await writeFile(join(dir, 'file'), '');
    for (const [name, says] of [
      ['photo.jpg', 'no such file or folder. Check the path.'],
      ['file/x', 'no such file or folder. Check the path.'],
      ['dangling', 'is a link to nowhere, which does not exist.'],
      ['loop', 'is a link that leads back to itself.'],
    ] as const) {
      const path = join(dir, name);
      await expect(inspectInput(path)).rejects.toMatchObject({ code: 'not-found', message: `${path}: ${says}` });
    }
  });

  it('refuses what is neither file nor folder', async () => {
    const fifo = join(await tempDir(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    await expect(readPaths([fifo])).rejects.toThrow(`${fifo}: is a named pipe; ftx sends files, folders and links.`);
    await expect(readPaths(['/dev/null'])).rejects.toThrow(refusal('unsupported'));
  });

  it.skipIf(process.getuid?.() !== 0)('says what the user may not read (as another user)', async () => {
    const dir = await tempDir();
    await chmod(dir, 0o755);
    const folder = join(dir, 'folder');
    await mkdir(join(folder, 'closed'), { recursive: true });
    await writeFile(join(dir, 'secret'), 'x', { mode: 0o600 });
    await chmod(join(folder, 'closed'), 0o700);
    const problems: [string, string][] = [];
    const onProblem = (path: string, { code }: FtxError) => problems.push([path, code]);
    process.seteuid!(65534);
    try {
      await expect(readPaths([join(dir, 'secret')])).rejects.toThrow(refusal('unreadable'));
      await expect(readPaths([join(folder, 'closed')])).rejects.toThrow(refusal('unreadable'));
      expect(await readPaths([folder], { onProblem })).toEqual(['folder']);
    } finally {
      process.seteuid!(0);
    }
    expect(problems).toEqual([['folder/closed', 'unreadable']]);
  });
});

describe('what cannot be sent from inside a folder', () => {
  async function collect(folder: string, during?: (source: Source) => Promise<void>) {
    const problems: [path: string, code: string, message: string][] = [];
    const paths = [];
    const onProblem = (path: string, error: FtxError) => problems.push([path, error.code, error.message]);
    for await (const source of readSources([folder], { onProblem })) {
      paths.push(source.entry.path);
      await during?.(source);
    }
    return { paths, problems };
  }

  it('is reported, and the rest is sent', async () => {
    const folder = await makeTree();
    execFileSync('mkfifo', [join(folder, 'a', 'pipe')]);
    const badName = Buffer.concat([Buffer.from(`${folder}/bad-`), Buffer.of(0xff)]);
    await writeFile(badName, 'x');
    await writeFile(join(folder, 'fine-\ufffd'), 'x');
    await symlink(Buffer.of(0xff), join(folder, 'bad-link'));
    const { paths, problems } = await collect(folder);
    expect(paths).toEqual(['folder/a/x', 'folder/b.txt', 'folder/fine-\ufffd', ...TREE.slice(2)]);
    expect(problems).toEqual([
      ['folder/a/pipe', 'unsupported', 'folder/a/pipe: is a named pipe; ftx sends files, folders and links.'],
      ['folder/bad-link', 'unreadable', 'folder/bad-link: its target is not valid UTF-8, so it cannot be sent.'],
      ['folder/bad-\ufffd', 'unreadable', 'folder/bad-\ufffd: its name is not valid UTF-8, so it cannot be sent.'],
    ]);
  });

  it('may have vanished since the folder was listed', async () => {
    const folder = await makeTree();
    const { paths, problems } = await collect(folder, async ({ entry }) => {
      if (entry.path !== 'folder/a/x') return;
      await unlink(join(folder, 'b.txt'));
      await rmdir(join(folder, 'empty'));
    });
    expect(paths).toEqual(TREE.filter((path) => !['folder/b.txt', 'folder/empty'].includes(path)));
    expect(problems.map(([path, code]) => [path, code])).toEqual([
      ['folder/b.txt', 'changed'],
      ['folder/empty', 'changed'],
    ]);
  });

  it('ends the walk when nobody listens', async () => {
    const folder = await makeTree();
    execFileSync('mkfifo', [join(folder, 'a', 'pipe')]);
    await expect(readPaths([folder])).rejects.toThrow(refusal('unsupported'));
  });

  it('ends the walk when it is told to', async () => {
    const folder = await makeTree();
    await expect(readPaths([folder], { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});
