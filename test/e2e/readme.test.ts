/** Runs the lines of the README that send something, as they are written, but to a receiver of the test. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { expect, it } from 'vitest';
import { readNames, tempDir } from '../support/folders.js';
import { newHome } from '../support/homes.js';
import { startReceiver } from '../support/mailbox.js';
import { endOf, repository, startProgram } from '../support/processes.js';

const FILES = ['report.pdf', 'notes/note.txt', 'src/main.c', 'backup/monday', 'photos/one.jpg'];

/** A folder with all that the README sends, and one with the command `ftx`. */
async function makeScene() {
  const [cwd, bin] = [await tempDir(), await tempDir()];
  await cp(`${repository}fixtures/files/photo.jpg`, join(cwd, 'photo.jpg'));
  for (const file of FILES) {
    await mkdir(join(cwd, file, '..'), { recursive: true });
    await writeFile(join(cwd, file), file);
  }
  await writeFile(join(bin, 'ftx'), `#!/bin/sh\nexec "${process.execPath}" "${repository}dist/cli/main.js" "$@"\n`, {
    mode: 0o755,
  });
  return { cwd, path: [bin, process.env['PATH']].join(delimiter) };
}

it('sends what the README says it sends', async () => {
  const { cwd, path } = await makeScene();
  const { env } = await newHome();
  const receiver = await startReceiver([]);
  const readme = await readFile(`${repository}README.md`, 'utf8');
  const lines = readme.split('\n').filter((line) => /^(tar .*\| )?ftx send /.test(line) && !line.includes('--pair'));
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) {
    // jq is not on every machine.
    const command = line.replace(/--to ("[^"]*"|\S+)/, `--to ${receiver.address}`).replace('jq .type', 'cat');
    const { status, stderr } = await endOf(startProgram('sh', ['-c', command], { cwd, env: { ...env, PATH: path } }));
    expect(status, `${command}\n${stderr}`).toBe(0);
  }
  const names = (await readNames(receiver.dir)).filter((name) => !name.startsWith('classic-'));
  expect(names).toEqual(expect.arrayContaining(['photo.jpg', 'report.pdf', 'march.pdf', 'src.tar', 'notes', 'backup']));
  expect(names).not.toContain('photos');
});
