/** The whole benchmark with small sizes. What it measures here means nothing; that it measures and cleans up does. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { tempDir } from '../support/folders.js';
import { endOf, repository, startProgram } from '../support/processes.js';

const main = join(repository, 'test/bench/build/test/bench/main.js');
const QUICK = ['--quick', '--tools', 'ftx'];

beforeAll(() => {
  execFileSync(process.execPath, [
    join(repository, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(repository, 'test/bench'),
  ]);
});

interface Report {
  readonly works: readonly { readonly results: readonly { readonly name: string; readonly medianSeconds: number }[] }[];
}

/** Command lines of processes that have to do with this folder. */
function findProcesses(folder: string): string[] {
  const lines = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    });
  return lines.filter((line) => line.includes(folder));
}

it('every kind of work gives a table, and nothing stays', async () => {
  const dir = await tempDir();
  const json = join(await tempDir(), 'bench.json');
  const works = ['--only', 'file,tiny,crowd,slow', '--rounds', '1'];
  const { status, stdout, stderr } = await endOf(
    startProgram(process.execPath, [main, ...QUICK, ...works, '--dir', dir, '--json', json]),
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^\| ftx +\| +yes \|/m);
  expect(stdout).toMatch(/^\| limit: loopback/m);

  const { works: reports } = JSON.parse(readFileSync(json, 'utf8')) as Report;
  expect(reports.map(({ results }) => results.length)).toEqual([3, 1, 1, 2]);
  for (const { medianSeconds } of reports.flatMap(({ results }) => results)) expect(medianSeconds).toBeGreaterThan(0);
  expect(readdirSync(dir)).toEqual([]);
  expect(findProcesses(dir)).toEqual([]);
});

it.each(['dist', '.'])('two builds run in turns, the other one found at %s', async (folder) => {
  const dir = await tempDir();
  const args = ['--quick', '--only', 'tiny', '--dir', dir, '--against', join(repository, folder)];
  const { status, stdout, stderr } = await endOf(startProgram(process.execPath, [main, ...args]));
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^\| ftx \(other build\) +\| +yes \|/m);
  expect(stdout).toMatch(
    /^- ftx takes [\d.]+ \([\d.]+–[\d.]+\) × the time of the other build: median \(min–max\) of the ratios of 2 rounds\.$/m,
  );
});

it('a folder without a build is named', async () => {
  const { status, stderr } = await endOf(startProgram(process.execPath, [main, '--against', '/nowhere']));
  expect([status, stderr]).toEqual([1, expect.stringContaining('/nowhere')]);
});

it('Ctrl-C in the middle leaves no folder and no process', async () => {
  const dir = await tempDir();
  const bench = startProgram(process.execPath, [main, ...QUICK, '--only', 'tree', '--rounds', '50', '--dir', dir]);
  await bench.output('stderr', 'round 2/');
  expect(findProcesses(dir)).not.toEqual([]);
  bench.kill('SIGINT');
  expect((await bench.exit).status).toBe(130);
  expect(readdirSync(dir)).toEqual([]);
  expect(findProcesses(dir)).toEqual([]);
});

it('a tool that is not known is named', async () => {
  const { status, stderr } = await endOf(startProgram(process.execPath, [main, '--tools', 'ftp']));
  expect(status).toBe(1);
  expect(stderr).toContain('ftp');
});
