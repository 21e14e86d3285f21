/** What a program that watches the receive folder with inotify sees of the files that come. */
import { spawnSync } from 'node:child_process';
import { linkSync } from 'node:fs';
import { chmod, link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFileSink, type FileSinkOptions } from '../../../src/storage/inbox/file-sink.js';
import { expectPart, offerFile } from '../../contract/sink.contract.js';
import { readNames, tempDir } from '../../support/folders.js';
import { repository, startProgram, type Program } from '../../support/processes.js';
import { skipTest } from '../../support/skips.js';

// So that a disk can be one without hard links.
vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  return { ...real, link: vi.fn(real.link) };
});

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  return { ...real, linkSync: vi.fn(real.linkSync) };
});

afterEach(() => {
  vi.mocked(link).mockReset();
  vi.mocked(linkSync).mockReset();
});

const canWatch = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0;

beforeEach((context) => {
  if (!canWatch) skipTest(context, 'the watcher needs inotify and Python');
});

async function startWatcher(args: readonly string[]): Promise<Program> {
  const watcher = startProgram('python3', [`${repository}test/support/watch.py`, ...args]);
  await watcher.output('stdout', 'ready');
  return watcher;
}

/** The events of the watcher so far without those of part files, as `EVENT MODE NAME`. */
async function readEvents(watcher: Program, dir: string): Promise<string[]> {
  await writeFile(join(dir, 'the-end'), '');
  const seen = await watcher.output('stdout', /close_write .*the-end/);
  const lines = seen.replaceAll(`${dir}/`, '').split('\n');
  return lines.filter((line) => line !== '' && line !== 'ready' && !/the-end|\.ftx-/.test(line));
}

async function receive(sink: ReturnType<typeof createFileSink>, path: string, mode = 0o644, size: number | null = 4) {
  const part = expectPart(await sink.open({ ...offerFile(path, size), mode }));
  await part.write(Buffer.from('data'), 0);
  return part.commit(4);
}

function makeSink(dir: string, options: Partial<FileSinkOptions> = {}) {
  return createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, ...options });
}

describe('a watcher sees that a new file is complete, once and with its final mode:', () => {
  const CASES: readonly (readonly [string, Partial<FileSinkOptions>, string, string])[] = [
    ['rename', {}, 'f', 'close_write'],
    ['fail', { onConflict: 'fail' }, 'f', 'close_write'],
    ['skip', { onConflict: 'skip' }, 'f', 'close_write'],
    ['overwrite', { onConflict: 'overwrite' }, 'f', 'moved_to'],
    ['--no-sync', { sync: false }, 'f', 'close_write'],
    ['a folder', {}, 'd/f', 'close_write'],
    ['overwrite in a folder', { onConflict: 'overwrite' }, 'd/f', 'moved_to'],
  ];

  it.each(CASES.flatMap((row) => [0o644, 0o600, 0o444, 0o000].map((mode) => [...row, mode] as const)))(
    '%s',
    async (_, options, path, event, mode) => {
      const dir = await tempDir();
      await mkdir(join(dir, 'd'));
      const watcher = await startWatcher([dir, join(dir, 'd')]);
      await receive(makeSink(dir, options), path, mode);
      const events = await readEvents(watcher, dir);
      expect(events.filter((line) => !line.startsWith('create'))).toEqual([`${event} ${mode.toString(8)} ${path}`]);
    },
  );

  it('a numbered name', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'f'), 'something else');
    const watcher = await startWatcher([dir]);
    expect(await receive(makeSink(dir), 'f', 0o400)).toEqual({ as: 'f (1)' });
    const events = await readEvents(watcher, dir);
    expect(events.filter((line) => !line.startsWith('create'))).toEqual(['close_write 400 f (1)']);
  });

  it.each([0o644, 0o444, 0o000])('a disk without hard links, mode %i', async (mode) => {
    const dir = await tempDir();
    await writeFile(join(dir, 'f'), 'something else');
    const noLinks = Object.assign(new Error('injected'), { code: 'EPERM' });
    vi.mocked(link).mockRejectedValue(noLinks);
    vi.mocked(linkSync).mockImplementation(() => {
      throw noLinks;
    });
    const watcher = await startWatcher([dir]);
    await receive(makeSink(dir), 'new', mode);
    expect(await receive(makeSink(dir), 'f', mode)).toEqual({ as: 'f (1)' });
    const octal = mode.toString(8);
    expect(await readEvents(watcher, dir)).toEqual([`moved_to ${octal} new`, `moved_to ${octal} f (1)`]);
  });

  it('a stream', async () => {
    const dir = await tempDir();
    const watcher = await startWatcher([dir]);
    await receive(makeSink(dir), 's', 0o644, null);
    const events = await readEvents(watcher, dir);
    expect(events.filter((line) => !line.startsWith('create'))).toEqual(['close_write 644 s']);
  });

  it('an overwritten file', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'f'), 'something else');
    await chmod(join(dir, 'f'), 0o444);
    const watcher = await startWatcher([dir]);
    await receive(makeSink(dir, { onConflict: 'overwrite' }), 'f', 0o444);
    expect(await readEvents(watcher, dir)).toEqual(['moved_to 444 f']);
  });

  it('no event for a file that was there already', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'f'), 'data');
    const watcher = await startWatcher([dir]);
    expect(await receive(makeSink(dir), 'f')).toMatchObject({ already: true });
    expect(await readEvents(watcher, dir)).toEqual([]);
  });
});

it('a watcher that moves each file away at its event fails none of them, and gets each one once', async () => {
  const [dir, target] = [await tempDir(), await tempDir()];
  const watcher = await startWatcher(['--move-to', target, dir]);
  const names = Array.from({ length: 50 }, (_, number) => `f${number}`);
  const sink = makeSink(dir);
  const placed = await Promise.all(names.map((name, number) => receive(sink, name, number % 2 ? 0o644 : 0o444)));
  expect(placed.map(({ as }) => as)).toEqual(names);
  const events = await readEvents(watcher, dir);
  expect(events.filter((line) => line.startsWith('close_write'))).toHaveLength(names.length);
  expect((await readNames(target)).filter((name) => name !== 'the-end').sort()).toEqual([...names].sort());
});
