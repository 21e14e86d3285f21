/** A sparse file, from program to program. */
import { execFileSync } from 'node:child_process';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hashFile, makeContent, tempDir } from '../support/folders.js';
import { send, sendPlain, startPlainReceiver, startReceiver } from '../support/mailbox.js';

const MIB = 1024 ** 2;
const PAGE = 4096;

it.each([
  ['encrypted', startReceiver, send],
  ['plain', startPlainReceiver, sendPlain],
] as const)('a file of 256 MiB with islands arrives as it is, with its holes (%s)', async (_, start, sendIt) => {
  const file = join(await tempDir(), 'image');
  const handle = await open(file, 'w');
  for (const at of [0, 5, 37, 100, 255])
    await handle.write(makeContent(3 * PAGE, at + 1), 0, 3 * PAGE, at * MIB + PAGE);
  await handle.truncate(256 * MIB);
  await handle.sync();
  await handle.close();
  const receiver = await start();
  expect((await sendIt(receiver.address, file)).status).toBe(0);
  const copy = join(receiver.dir, 'image');
  expect(await hashFile(copy)).toBe(await hashFile(file));
  execFileSync('sync', ['-f', copy]);
  const [own, theirs] = [(await lstat(file)).blocks, (await lstat(copy)).blocks];
  expect(theirs).toBeLessThanOrEqual(own * 1.05);
});
