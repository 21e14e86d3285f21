import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { isAbandoned, makePartName } from '../../src/storage/part-name.js';
import { removeOldParts } from '../../src/storage/parts.js';
import { readNames, tempDir } from '../support/folders.js';

const YEAR_MS = 365 * 24 * 3_600_000;

function startSleeper(): ChildProcess {
  const sleeper = spawn('sleep', ['1000']);
  onTestFinished(() => void sleeper.kill('SIGKILL'));
  return sleeper;
}

/** A name as another process of this machine would have made it. */
function nameOf(pid: number, name = makePartName()): string {
  return name.replace(`-${process.pid}-`, `-${pid}-`);
}

it('is never twice the same', () => {
  expect(new Set(Array.from({ length: 1000 }, makePartName)).size).toBe(1000);
});

it('tells what is left of a process that has ended, and of nobody else', async () => {
  const sleeper = startSleeper();
  const name = nameOf(sleeper.pid!);
  expect(isAbandoned(name)).toBe(false);
  sleeper.kill('SIGKILL');
  await once(sleeper, 'exit');
  expect(isAbandoned(name)).toBe(true);

  expect(isAbandoned(makePartName())).toBe(false);
  // The same number on another machine, and again on this one after a start.
  expect(isAbandoned(name.replace(/\.ftx-[0-9a-f]{8}/, '.ftx-00000000'))).toBe(false);
  expect(isAbandoned(makePartName().replace(/[0-9a-f]{8}(-[0-9a-f]{16}\.part)$/, '00000000$1'))).toBe(true);
});

it.each(['.ftx-0123456789abcdef.part', '.ftx-0123456789abcdef.journal', '.ftx-.part', 'mine.part', makePartName().slice(1)])(
  'says nothing of %s',
  (name) => {
    expect(isAbandoned(name)).toBe(false);
  },
);

it('is removed with what it names, a file or a link, once it is abandoned', async () => {
  const dir = await tempDir();
  const sleeper = startSleeper();
  sleeper.kill('SIGKILL');
  await once(sleeper, 'exit');
  const own = makePartName();
  await writeFile(join(dir, own), 'on its way');
  await writeFile(join(dir, nameOf(sleeper.pid!)), 'left');
  await symlink('nowhere', join(dir, nameOf(sleeper.pid!)));
  await removeOldParts(dir, YEAR_MS);
  expect(await readNames(dir)).toEqual([own]);
});
