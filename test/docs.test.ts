/** Holds the documents to the code: options, exit status, error codes, links, and the commands of the README. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProgram, type Runners } from '../src/cli/program.js';
import { ERROR_CODES } from '../src/core/errors.js';
import { fakeIo } from './cli/fake-io.js';
import { repository } from './support/processes.js';

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(`${repository}docs`).map((name) => `docs/${name}`),
];
const COMMANDS = ['receive', 'send', 'id', 'peers', 'peers forget', 'parts'];
/** Every command shows these. */
const COMMON_OPTIONS = ['--help', '--version'];

const read = (page: string) => readFileSync(join(repository, page), 'utf8');
const withoutCode = (text: string) => text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '');

/** What ftx would do with a command line, without doing it. */
async function parse(argv: readonly string[]) {
  const done = () => Promise.resolve(0);
  const runners: Runners = { send: done, receive: done, id: done, peers: done, forget: done, parts: done };
  const io = fakeIo();
  const status = await runProgram(argv, runners, io);
  return { status, out: io.stdout.text(), err: io.stderr.text() };
}

/** The anchor of a heading, as it is made where the pages are shown. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function anchorsOf(page: string): string[] {
  return [
    ...read(page)
      .replace(/```[\s\S]*?```/g, '')
      .matchAll(/^#+ (.*)$/gm),
  ].map(([, heading]) => anchorOf(heading!));
}

/** The text below a heading, up to the next one. */
function sectionOf(page: string, heading: string): string {
  return (
    read(page)
      .split(/^#+ /m)
      .find((section) => section.startsWith(`${heading}\n`)) ?? ''
  );
}

describe('the manual', () => {
  it.each(COMMANDS)('has every option of ftx %s, and no other', async (command) => {
    const { out } = await parse([...command.split(' '), '--help']);
    const shown = [...out.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)]
      .map(([, option]) => option!)
      .filter((option) => !COMMON_OPTIONS.includes(option));
    const rows = [...sectionOf('docs/manual.md', `ftx ${command}`).matchAll(/^\| `(--[a-z-]+)/gm)].map(
      ([, option]) => option!,
    );
    expect(rows.sort()).toEqual(shown.sort());
  });

  it('has every exit status, and no other', async () => {
    const { out } = await parse(['--help']);
    const shown = [...out.split('Exit status:')[1]!.matchAll(/^ +(\d+) /gm)].map(([, status]) => status);
    const rows = [...sectionOf('docs/manual.md', 'Exit status').matchAll(/^\| (\d+) /gm)].map(([, status]) => status);
    expect(rows).toEqual(shown);
  });
});

it('the page on the library has every error code, and no other', () => {
  const rows = [...sectionOf('docs/library.md', 'Errors').matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) =>
    cell!.match(/[a-z-]+/g)!,
  );
  expect(rows.sort()).toEqual([...ERROR_CODES].sort());
});

describe('the README', () => {
  it('is at most 8 kB', () => {
    expect(statSync(`${repository}README.md`).size).toBeLessThanOrEqual(8192);
  });

  const lines = [...read('README.md').matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) =>
    block!.trim().split('\n'),
  );
  const ftx = lines.flatMap((line) => /(?:^|\| |npx )ftx ([^#|]*)/.exec(line)?.[1] ?? []);
  it.each(ftx)('shows a command that ftx takes: ftx %s', async (typed) => {
    const { status, err } = await parse(typed.trim().replaceAll('"', '').split(/\s+/));
    expect([status, err]).toEqual([0, '']);
  });

  it('names the package as npm pack does', () => {
    const { name, version } = JSON.parse(read('package.json')) as { name: string; version: string };
    expect(read('README.md').match(/[\w-]+-[\d.]+\.tgz/g)).toEqual([`${name}-${version}.tgz`]);
  });
});

describe.each(PAGES)('%s', (page) => {
  it('links to pages and headings that exist', () => {
    for (const [, target] of withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target!)) continue;
      const [path, anchor] = target!.split('#');
      const linked = path ? join(dirname(page), path) : page;
      expect(existsSync(resolve(repository, linked)), target).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(linked), target).toContain(anchor);
    }
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(page).matchAll(/npm run ([\w:]+)/g)].map(([, script]) => script!);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });
});

it('CONTRIBUTING.md names rooms and files that exist', () => {
  const files = [...read('CONTRIBUTING.md').matchAll(/`((?:src|test)\/[\w./-]+)`/g)].map(([, file]) => file!);
  const rooms = [...sectionOf('CONTRIBUTING.md', 'Rooms').matchAll(/^\| `([\w./]+)`/gm)].map(
    ([, room]) => `src/${room!}`,
  );
  expect([...files, ...rooms].filter((path) => !existsSync(join(repository, path)))).toEqual([]);
});
