/** Names that are not UTF-8, and names that look like options: nothing else than what was meant is sent or received. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { listTree } from '../support/raw-names.js';
import { readStoredNames, tempDir } from '../support/folders.js';
import { startReceiver, type Mailbox } from '../support/mailbox.js';
import { endOf, repository, startProgram, type Exit } from '../support/processes.js';
import { oneSentence } from '../support/sentences.js';

const FTX = `"${process.execPath}" "${repository}dist/cli/main.js"`;
/** `café` in Latin-1, for a shell: no text of JavaScript names it. */
const LATIN = `"$(printf 'caf\\351')"`;
/** What Node makes of that, which is the name of another folder. */
const OTHER = 'caf\ufffd';

/** Runs a line of shell, in which `$FTX` is ftx and `$TO` the options that lead to the receiver. */
function shell(cwd: string, line: string, env: NodeJS.ProcessEnv = {}): Promise<Exit> {
  return endOf(startProgram('sh', ['-c', line.replaceAll('$FTX', FTX)], { cwd, env }));
}

describe('a folder whose name is not UTF-8', () => {
  let dir: string;
  let receiver: Mailbox;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    dir = await tempDir();
    await shell(
      dir,
      `mkdir -p ${LATIN}/sub; echo good > ${LATIN}/a.txt; echo good > ${LATIN}/sub/b; ln -s ${LATIN} link; ln -s ${LATIN}/a.txt flink`,
    );
    await mkdir(join(dir, OTHER, 'sub'), { recursive: true });
    for (const name of ['a.txt', 'sub/b', 'secret.txt']) await writeFile(join(dir, OTHER, name), 'of the other folder');
    receiver = await startReceiver(['--plain']);
    env = { TO: `--plain --retry 0 --to ${receiver.address}`, ALSO: OTHER };
  });

  it.each([
    ['a file in the working directory', `cd ${LATIN}; $FTX send a.txt $TO`, ['a.txt: good']],
    ['a folder in the working directory', `cd ${LATIN}; $FTX send sub $TO`, ['sub/b: good']],
    ['the working directory under a name', `cd ${LATIN}; $FTX send . --name x $TO`, ['x/a.txt: good', 'x/sub/b: good']],
    ['a link to it', '$FTX send link $TO', ['link/a.txt: good', 'link/sub/b: good']],
    ['a path through a link', '$FTX send link/a.txt $TO', ['a.txt: good']],
  ])('sends %s', async (_, line, stored) => {
    const exit = await shell(dir, line, env);
    expect(exit.status, exit.stderr).toBe(0);
    expect(listTree(receiver.dir)).toEqual(stored);
  });

  it.each([
    ['as an argument', 66, `$FTX send ${LATIN} $TO`],
    ['as an argument with a name', 66, `$FTX send ${LATIN} --name x $TO`],
    ['as a part of an argument', 66, `$FTX send ${LATIN}/a.txt $TO`],
    ['beside an argument that does have U+FFFD in it', 66, `$FTX send "$ALSO" ${LATIN} $TO`],
    ['as the working directory without a name', 66, `cd ${LATIN}; $FTX send . $TO`],
    ['as the folder above without a name', 66, `cd ${LATIN}/sub; $FTX send .. $TO`],
    ['behind a link to a file', 66, '$FTX send flink $TO'],
    ['as the name at the receiver', 64, `$FTX send link --name ${LATIN} $TO`],
    ['as the file with the code', 64, `$FTX send link --code-file ${LATIN} $TO`],
    ['as the receiver', 64, `$FTX send link $TO --peer ${LATIN}`],
    ['as a peer to forget', 64, `$FTX peers forget ${LATIN}`],
    ['as the folder above ./received', 73, `cd ${LATIN}; $FTX receive --plain --port 0`],
    ['as the folder above --dir', 73, `cd ${LATIN}; $FTX receive --plain --port 0 --dir inn`],
    ['in --dir', 73, `$FTX receive --plain --port 0 --dir ${LATIN}/inn`],
    ['in --dir=', 73, `$FTX receive --plain --port 0 --dir=${LATIN}`],
    ['in --dir of --list-parts', 73, `$FTX receive --list-parts --dir ${LATIN}`],
    ['as FTX_HOME', 78, `FTX_HOME=$PWD/${LATIN} $FTX id`],
    ['as the folder above FTX_HOME', 78, `cd ${LATIN}; FTX_HOME=./h $FTX id`],
    ['as XDG_DATA_HOME', 78, `FTX_HOME= XDG_DATA_HOME=$PWD/${LATIN} $FTX id`],
    ['as HOME', 78, `FTX_HOME= XDG_DATA_HOME= HOME=$PWD/${LATIN} $FTX id`],
  ])('is refused %s, with %i and one sentence', async (_, status, line) => {
    const before = listTree(dir);
    const exit = await shell(dir, line, env);
    expect(exit.status, exit.stderr).toBe(status);
    expect(exit.stderr.replace('plain: nothing of this is encrypted\n', '')).toMatch(oneSentence);
    expect(exit.stderr).toContain('UTF-8');
    expect(await readStoredNames(receiver.dir)).toEqual([]);
    expect(listTree(dir)).toEqual(before);
  });

  it('does not keep from sending a folder that does have U+FFFD in its name', async () => {
    const exit = await shell(dir, '$FTX send "$ALSO"/sub $TO', env);
    expect(exit.status, exit.stderr).toBe(0);
    expect(listTree(receiver.dir)).toEqual(['sub/b: of the other folder']);
  });
});

describe('a file with the name of an option', () => {
  const OPTIONS = [
    ...['--plain', '--dry-run', '--quiet', '--json', '--classic', '--pair', '-h', '--help', '--version'],
    ...['--to=127.0.0.1:1', '--retry=0', '--timeout=1', '--name=z', '--peer=x', '--code-file=a', '-x.txt', '--nothing'],
  ];

  it.each(OPTIONS)('%s is refused where a shell has put it', async (name) => {
    const dir = await tempDir();
    for (const file of ['a', name]) await writeFile(join(dir, file), '');
    const exit = await shell(dir, '$FTX send * --to localhost:1');
    expect(exit.status, exit.stderr).toBe(64);
    expect(exit.stderr).toMatch(oneSentence);
    expect(exit.stderr).toContain(`./${name}`);
    expect(exit.stdout).toBe('');
  });

  it.each(['./*', '-- *'])('is sent by %s', async (paths) => {
    const dir = await tempDir();
    for (const name of OPTIONS) await writeFile(join(dir, name), '');
    const receiver = await startReceiver();
    const exit = await shell(dir, `$FTX send --to ${receiver.address} ${paths}`);
    expect(exit.status, exit.stderr).toBe(0);
    expect(await readStoredNames(receiver.dir)).toEqual([...OPTIONS].sort());
  });

  it('- is told the way out', async () => {
    const dir = await tempDir();
    for (const file of ['a', '-']) await writeFile(join(dir, file), '');
    const exit = await shell(dir, '$FTX send * --to localhost:1');
    expect([exit.status, exit.stderr]).toEqual([64, expect.stringContaining('./-')]);
  });
});
