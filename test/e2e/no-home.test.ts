/** Users without a home: containers, services, and a HOME that is empty or relative. */
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readStoredNames, tempDir } from '../support/folders.js';
import { startReceiver } from '../support/mailbox.js';
import { endOf, startFtx, type Exit, type RunOptions } from '../support/processes.js';
import { oneSentence } from '../support/sentences.js';
import { skipTest } from '../support/skips.js';

/** No user of this machine. */
const NOBODY = 54_321;
const UNSET = { FTX_HOME: undefined, XDG_DATA_HOME: undefined, XDG_STATE_HOME: undefined, HOME: undefined };
const PLAIN = 'plain: nothing of this is encrypted\n';

let cwd: string;
beforeEach(async () => {
  cwd = await tempDir();
  await chmod(cwd, 0o777);
  await writeFile(join(cwd, 'a.txt'), 'hello');
});

const run = (args: string, options: RunOptions, input = '') => {
  const program = startFtx(args.split(' '), { cwd, ...options });
  program.stdin.write(input);
  return endOf(program);
};

function expectNoHome({ status, stderr }: Exit): void {
  expect(status, stderr).toBe(78);
  expect(stderr.replace(PLAIN, '')).toMatch(oneSentence);
  expect(stderr).toContain('Set FTX_HOME to a folder of your own');
}

describe.each([
  ['no HOME', {}],
  ['an empty HOME', { HOME: '' }],
  ['a relative HOME', { HOME: 'h' }],
  ['relative XDG folders', { XDG_DATA_HOME: 'd', XDG_STATE_HOME: 's' }],
  ['a relative HOME and an empty FTX_HOME', { HOME: './h', FTX_HOME: '' }],
])('a user whom the system does not know, with %s', (_, variables) => {
  const asNobody = { uid: NOBODY, env: { ...UNSET, ...variables } };
  beforeEach((context) => {
    if (process.getuid?.() !== 0) skipTest(context, 'only root can be another user');
  });

  it.each(['id', 'peers', 'peers forget host', 'send a.txt --to localhost:1', 'receive --dir in --port 0'])(
    'hears 78 from ftx %s, and nothing is made',
    async (args) => {
      await mkdir(join(cwd, 'in'));
      await chmod(join(cwd, 'in'), 0o777);
      expectNoHome(await run(args, asNobody));
      expect((await readdir(cwd)).sort()).toEqual(['a.txt', 'in']);
    },
  );

  it('sends without an identity, and keeps nothing', async () => {
    const receiver = await startReceiver(['--plain']);
    await writeFile(join(cwd, 'large'), Buffer.alloc(9 * 1024 * 1024));
    const to = `--plain --retry 0 --to ${receiver.address}`;
    for (const [args, input] of [[`send a.txt large ${to}`], [`send - --name b ${to}`, 'text']] as const) {
      const exit = await run(args, asNobody, input);
      expect(exit.status, exit.stderr).toBe(0);
    }
    expect(await readStoredNames(receiver.dir)).toEqual(['a.txt', 'b', 'large']);
    expect((await readdir(cwd)).sort()).toEqual(['a.txt', 'large']);
  });

  it('has an identity in FTX_HOME', async () => {
    const exit = await run('id', { ...asNobody, env: { ...asNobody.env, FTX_HOME: join(cwd, 'home') } });
    expect(exit.status, exit.stderr).toBe(0);
  });
});

it('a user whom the system knows has the home of the system where HOME is no absolute path', async () => {
  const [first, ...others] = await Promise.all(
    [undefined, '', 'h', '.'].map((HOME) => run('id', { env: { ...UNSET, HOME, XDG_DATA_HOME: undefined } })),
  );
  for (const exit of others) expect([exit.status, exit.stdout]).toEqual([first!.status, first!.stdout]);
  expect(await readdir(cwd)).toEqual(['a.txt']);
});

it.each(['id', 'receive --dir in --port 0'])(
  'a home in which nothing can be made ends ftx %s with 78',
  async (args) => {
    await mkdir(join(cwd, 'in'));
    const { status, stderr } = await run(args, { env: { ...UNSET, HOME: '/proc' } });
    expect(status, stderr).toBe(78);
    expect(stderr).toContain('Set FTX_HOME to a folder of your own');
  },
);
