/** ftx runs under each version of Node that is supported, and says what it needs under one that is not. */
import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { readTree, tempDir, writeContent } from '../support/folders.js';
import { newHome, note } from '../support/homes.js';
import { findNode } from '../support/nodes.mjs';
import { endOf, repository, runFtx, startFtx } from '../support/processes.js';
import { skipTest } from '../support/skips.js';

const run = promisify(execFile);
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

describe.each(['20.19', '22', '24', '26'])('under Node %s', (version) => {
  let found: Awaited<ReturnType<typeof findNode>>;
  beforeAll(async () => {
    found = await findNode(version);
  });

  it('a file and a tree arrive, to and from itself and this Node', async (context) => {
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

  it('it takes what arrives into shared memory', async (context) => {
    if ('reason' in found) skipTest(context, found.reason);
    const { stdout } = await run(found.node, ['--input-type=module', '--eval', SHARES_READS], { cwd: repository });
    expect(stdout).toBe('shared: hello');
  });

  it('it pairs with this Node', async (context) => {
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

it('a Node that is too old is named, and what ftx needs', async (context) => {
  const found = await findNode('18');
  if ('reason' in found) skipTest(context, found.reason);
  for (const args of [['--version'], ['send', note, '--to', 'localhost:1'], ['receive']]) {
    const { status, stdout, stderr } = await runFtx(args, { node: found.node });
    const sentence = /^ftx: Node 18\.\S+ is too old: ftx needs Node 20\.19 or newer\.\n$/;
    expect([status, stdout, stderr]).toEqual([78, '', expect.stringMatching(sentence)]);
  }
});
