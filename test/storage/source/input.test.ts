import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { inspectInput } from '../../../src/storage/source/input.js';
import { tempDir } from '../../support/folders.js';

async function listenAt(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
}

it.each<[string, string, (path: string) => unknown]>([
  ['a named pipe', 'pipe', (path) => execFileSync('mkfifo', [path])],
  ['a socket', 'socket', listenAt],
  ['a device', '/dev/null', () => undefined],
  ['a device', '/dev/zero', () => undefined],
])('says of %s how to send what it gives', async (kind, name, make) => {
  const path = name.startsWith('/') ? name : join(await tempDir(), name);
  await make(path);
  await expect(inspectInput(path)).rejects.toMatchObject({
    code: 'unsupported',
    message: `${path}: is ${kind}; ftx sends files, folders and links. To send what it gives, pipe it into ftx send - --name NAME.`,
  });
});

it('says that an empty path names nothing', async () => {
  await expect(inspectInput('')).rejects.toMatchObject({
    code: 'not-found',
    message: 'The path is empty: it names no file or folder.',
  });
});
