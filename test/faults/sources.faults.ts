/** The sender's own disk fails. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { expectFailure, expectTaken, expectWhole } from '../support/aftermath.js';
import { readNames, readStoredNames, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver } from '../support/mailbox.js';
import { needStrace, runUnderStrace } from '../support/strace.js';

const MIB = 1024 * 1024;
const BROKEN = /file\.bin: cannot be read \(EIO/;

beforeEach(needStrace);

it.each([
  ['at its first byte', 3000, 'when=1'],
  ['in the middle', 40 * MIB, 'when=20'],
])('a file that cannot be read %s', async (_, size, when) => {
  const receiver = await startReceiver();
  const file = join(await tempDir(), 'file.bin');
  await writeContent(file, size);
  const args = ['send', file, '--to', receiver.address];
  expectFailure(
    await runUnderStrace(args, { calls: ['read', 'pread64'], fault: `error=EIO:${when}`, path: file }),
    74,
    BROKEN,
  );
  expect(await receiver.program.event('failed')).toMatchObject({ path: 'file.bin' });
  await receiver.program.event('done');
  expect(await readStoredNames(receiver.dir)).toEqual([]);
  await expectTaken(receiver, file);
  const resumed = receiver.program.events().some(({ type }) => type === 'resumed');
  expect(resumed).toBe(size > MIB);
});

it('one file of many that cannot be read, or opened, does not keep the others', async () => {
  const receiver = await startReceiver();
  const tree = join(await tempDir(), 'tree');
  await mkdir(tree);
  for (const name of ['a', 'file.bin', 'z']) await writeContent(join(tree, name), 5000);
  const args = ['send', tree, '--to', receiver.address];
  for (const calls of [['read', 'pread64'], ['openat']]) {
    const { status, stderr } = await runUnderStrace(args, { calls, fault: 'error=EIO', path: join(tree, 'file.bin') });
    expect([status, stderr]).toEqual([74, expect.stringMatching(BROKEN)]);
    expect(await readNames(receiver.dir)).toEqual(['tree', 'tree/a', 'tree/z']);
  }
  expect((await send(receiver.address, tree)).status).toBe(0);
  await expectWhole(join(receiver.dir, 'tree'), join(tree, 'file.bin'));
});

it('a folder that cannot be listed fails, and what is beside it arrives', async () => {
  const receiver = await startReceiver();
  const tree = join(await tempDir(), 'tree');
  await mkdir(join(tree, 'sub'), { recursive: true });
  await writeContent(join(tree, 'a'), 5000);
  await writeContent(join(tree, 'sub', 'b'), 5000);
  const fault = { calls: ['getdents64'], fault: 'error=EIO', path: join(tree, 'sub') };
  const { status, stderr } = await runUnderStrace(['send', tree, '--to', receiver.address], fault);
  expect([status, stderr]).toEqual([74, expect.stringMatching(/tree\/sub: /)]);
  expect(await readFile(join(receiver.dir, 'tree/a'))).toHaveLength(5000);
  expect((await send(receiver.address, tree)).status).toBe(0);
  expect(await readNames(receiver.dir)).toEqual(['tree', 'tree/a', 'tree/sub', 'tree/sub/b']);
});
