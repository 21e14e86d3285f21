/** Standard output that cannot be written, and standard output that nobody reads. */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readNames } from '../support/folders.js';
import { startReceiver } from '../support/mailbox.js';
import { endOf, repository, startProgram } from '../support/processes.js';

const note = `${repository}fixtures/files/notes.txt`;
const REASON = 'ftx: Standard output could not be written (ENOSPC): what stands there is incomplete.\n';

/** Runs ftx where the script says `"$@"`. */
function runInShell(script: string, args: readonly string[]) {
  return endOf(startProgram('sh', ['-c', script, 'sh', process.execPath, `${repository}dist/cli/main.js`, ...args]));
}

describe.skipIf(!existsSync('/dev/full'))('standard output on a full disk is told, with status 74', () => {
  it.each([
    ['id', ['id']],
    ['id --json', ['id', '--json']],
    ['--help', ['--help']],
    ['send --help', ['send', '--help']],
    ['--version', ['--version']],
  ])('of ftx %s', async (_, args) => {
    expect(await runInShell('"$@" >/dev/full', args)).toMatchObject({ status: 74, stderr: REASON });
  });

  it.each([['--json'], ['--json', '--quiet'], ['--dry-run']])('of a send with %s %s', async (...options) => {
    const receiver = await startReceiver();
    const exit = await runInShell('"$@" >/dev/full', ['send', note, ...options, '--to', receiver.address]);
    expect(exit.status).toBe(74);
    expect(exit.stderr.endsWith(REASON)).toBe(true);
    // What was to be sent is there all the same.
    expect(await readNames(receiver.dir)).toEqual(options.includes('--dry-run') ? [] : ['notes.txt']);
  });

  it('and standard error there too is no reason to end otherwise', async () => {
    expect(await runInShell('"$@" >/dev/full 2>&1', ['id'])).toMatchObject({ status: 74, stderr: '' });
  });

  it('and standard error alone has nobody to be told', async () => {
    expect(await runInShell('"$@" 2>/dev/full', ['fetch'])).toMatchObject({ status: 74, stdout: '' });
  });
});

it.each([
  ['a reader that leaves, as head does', '{ "$@"; echo "status $?" >&2; } | true'],
  ['closed standard output', '"$@" >&-; echo "status $?" >&2'],
])('%s is no failure, and not told', async (_, script) => {
  const receiver = await startReceiver();
  const exit = await runInShell(script, ['send', note, '--json', '--to', receiver.address]);
  expect(exit.stderr).toMatch(/status 0\n$/);
  expect(exit.stderr).not.toContain('Standard output');
  expect(await readNames(receiver.dir)).toEqual(['notes.txt']);
});
