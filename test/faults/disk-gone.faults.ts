/** The disk of the receive folder is taken away, and comes back. */
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { expectFailure, expectTaken } from '../support/aftermath.js';
import { readNames, readStoredNames, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { mountImage, type Image } from '../support/mounts.js';
import { startProxy } from '../support/proxy.js';

const MIB = 1024 * 1024;
const GONE = /file\.bin.*: The receive folder is not the one that the receiver was started with/;

async function startOn(dir: string, ...args: string[]): Promise<Mailbox> {
  return { ...(await startReceiver(['--dir', dir, ...args])), dir };
}

async function makeFile(size: number): Promise<string> {
  const file = join(await tempDir(), 'file.bin');
  await writeContent(file, size);
  return file;
}

const mountDisk = (context: TestContext): Promise<Image> => mountImage(context, 'mkfs.ext4', '-q');

describe.each([
  ['with a ledger', []],
  ['without a ledger', ['--no-ledger']],
])('a receiver whose disk is taken away, %s,', (_, args) => {
  it.for([
    ['at the receive folder', ''],
    ['with the folder that holds the receive folder', 'in'],
  ] as const)('%s, refuses everything and stores nothing beside it until it is back', async ([, below], context) => {
    const disk = await mountDisk(context);
    const receiver = await startOn(join(disk.dir, below), ...args);
    await expectTaken(receiver, await makeFile(1000), below ? [] : ['lost+found']);
    await disk.take(true);
    const other = await makeFile(2000);
    for (const size of [1000, 40 * MIB]) expectFailure(await send(receiver.address, await makeFile(size)), 74, GONE);
    const folder = dirname(await makeFile(10));
    expect((await send(receiver.address, folder)).status).toBe(74);
    expect(await readdir(disk.dir)).toEqual([]);
    if (below) await mkdir(receiver.dir);
    expectFailure(await send(receiver.address, other), 74, GONE);
    expect(await readNames(disk.dir)).toEqual(below ? [below] : []);
    await disk.giveBack();
    const { status, stderr } = await send(receiver.address, other);
    expect(status, stderr).toBe(0);
    expect((await readStoredNames(receiver.dir)).filter((name) => name !== 'lost+found')).toEqual([
      'file (1).bin',
      'file.bin',
    ]);
  });
});

it('a disk that is mounted below the receive folder and taken away in the middle of a file takes nothing beside it', async (context) => {
  const disk = await mountDisk(context);
  const receiver = await startOn(dirname(disk.dir));
  const file = await makeFile(40 * MIB);
  const proxy = await startProxy(receiver.port, { toReceiver: { stall: 20 * MIB } });
  const sending = send(proxy.address, file, '--name', 'disk/file.bin');
  await proxy.struck;
  await disk.take(true);
  proxy.resume();
  expectFailure(await sending, 77, /file\.bin.*: the folder it was to be in has been moved, replaced or removed/);
  expect(await readdir(disk.dir)).toEqual([]);
  await disk.giveBack();
  expect((await send(receiver.address, file, '--name', 'disk/file.bin')).status).toBe(0);
  expect(await readdir(disk.dir)).toContain('file.bin');
});

it('a disk of the receive folder that is taken away in the middle of a file is told as gone, and the file goes on', async (context) => {
  const disk = await mountDisk(context);
  const receiver = await startOn(join(disk.dir, 'in'));
  const file = await makeFile(40 * MIB);
  const proxy = await startProxy(receiver.port, { toReceiver: { stall: 20 * MIB } });
  const sending = send(proxy.address, file, '--retry', '0');
  await proxy.struck;
  await disk.take(true);
  proxy.resume();
  expectFailure(await sending, 74, GONE);
  expect(await readdir(disk.dir)).toEqual([]);
  await disk.giveBack();
  const { status, stderr } = await send(receiver.address, file);
  expect([status, stderr]).toEqual([0, expect.stringContaining('going on with file.bin')]);
});
