/** What programs that watch the receive folder learn of files from each kind of sender. The receiver is not root. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { tempDir } from '../support/folders.js';
import { newHome } from '../support/homes.js';
import { startReceiver, type Mailbox } from '../support/mailbox.js';
import { endOf, repository, runFtx, startFtx, startProgram, type Exit, type Program } from '../support/processes.js';
import { skipTest } from '../support/skips.js';

const NOBODY = 65534;
const MODES = [0o644, 0o444, 0o000];
const canWatch = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0;

beforeEach((context) => {
  if (!canWatch) skipTest(context, 'the watcher needs inotify and Python');
  if (process.getuid?.() !== 0) skipTest(context, 'only root can be another user');
});

/** Sends from a home of its own: each receiver here has another identity, and may get a port that one before it had. */
async function send(address: string, ...args: string[]): Promise<Exit> {
  return runFtx(['send', '--retry', '0', ...args, '--to', address], await newHome());
}

/** Starts a receiver that is not root, over a folder with a folder `d` in it, and a watcher of both. */
async function startWatched(args: readonly string[]): Promise<{ receiver: Mailbox; watcher: Program }> {
  const home = await tempDir();
  await chmod(home, 0o777);
  const receiver = await startReceiver(['--dir', join(home, 'in'), ...args], {
    uid: NOBODY,
    env: { FTX_HOME: join(home, 'home') },
  });
  const dir = join(home, 'in');
  await mkdir(join(dir, 'd'));
  await chmod(join(dir, 'd'), 0o777);
  const watcher = startProgram('python3', [`${repository}test/support/watch.py`, dir, join(dir, 'd')]);
  await watcher.output('stdout', 'ready');
  return { receiver: { ...receiver, dir }, watcher };
}

/** The events so far that tell a program to act, as `EVENT MODE NAME`, without those of files on their way. */
async function readEvents(watcher: Program, { dir }: Mailbox): Promise<string[]> {
  await writeFile(join(dir, 'the-end'), '');
  const seen = await watcher.output('stdout', /close_write .*the-end/);
  const lines = seen.replaceAll(`${dir}/`, '').split('\n');
  return lines.filter((line) => /^(close_write|moved_to) /.test(line) && !/the-end|\.ftx-/.test(line)).sort();
}

function expectDone({ status, stderr }: Exit): void {
  expect(status, stderr).toBe(0);
}

async function makeSources(): Promise<string[]> {
  const source = await tempDir();
  await mkdir(join(source, 'd'));
  const paths = MODES.flatMap((mode) => [mode.toString(8), `d/${mode.toString(8)}`]);
  for (const path of paths) {
    await writeFile(join(source, path), path);
    await chmod(join(source, path), parseInt(path.replace('d/', ''), 8));
  }
  return [...MODES.map((mode) => join(source, mode.toString(8))), join(source, 'd')];
}

it.each([
  ['--on-conflict rename', 'close_write'],
  ['--on-conflict fail', 'close_write'],
  ['--on-conflict skip', 'close_write'],
  ['--on-conflict overwrite', '(close_write|moved_to)'],
  ['--no-sync', 'close_write'],
  ['--plain', 'close_write'],
])('receive %s: each new file of each mode, in the folder and below, gives one %s', async (options, event) => {
  const { receiver, watcher } = await startWatched(options.split(' '));
  const plain = options === '--plain' ? ['--plain'] : [];
  expectDone(await send(receiver.address, ...plain, ...(await makeSources())));
  const expected = MODES.map((mode) => mode.toString(8)).flatMap((mode) => [`${mode} ${mode}`, `${mode} d/${mode}`]);
  const seen = await readEvents(watcher, receiver);
  expect(seen.map((line) => line.replace(/^\w+ /, '')).sort()).toEqual(expected.sort());
  for (const line of seen) expect(line).toMatch(new RegExp(`^${event} `));
});

it('one event for a stream, a numbered name and a classic file, and none for what is there already', async () => {
  const { receiver, watcher } = await startWatched([]);
  const file = join(await tempDir(), 'f');
  const stream = startFtx(['send', '-', '--name', 's', '--retry', '0', '--to', receiver.address], await newHome());
  stream.stdin.write('a stream');
  expectDone(await endOf(stream));
  for (const text of ['one', 'another', 'another']) {
    await writeFile(file, text);
    expectDone(await send(receiver.address, file));
  }
  const classic = startProgram('python3', [
    `${repository}test/support/classic/classic_send.py`,
    ...['127.0.0.1', String(receiver.port), file],
  ]);
  expectDone(await endOf(classic));
  const names = (await readEvents(watcher, receiver)).map((line) => line.replace(/ \d+ /, ' '));
  expect(names).toEqual([
    expect.stringMatching(/^close_write classic-/),
    ...['close_write f', 'close_write f (1)', 'close_write s'],
  ]);
});
