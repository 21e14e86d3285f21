import { chmod, copyFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blockDigest, fileDigest } from '../support/digests.js';
import { hashFile, makeContent, readEntry, readNames, setTime, tempDir, writeContent } from '../support/folders.js';
import { send, startReceiver, type Mailbox } from '../support/mailbox.js';
import { endOf, repository, startFtx } from '../support/processes.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const photo = `${repository}fixtures/files/photo.jpg`;

async function expectSame(receiver: Mailbox, path: string, as = basename(path)): Promise<void> {
  expect(await readEntry(join(receiver.dir, as))).toEqual(await readEntry(path));
}

describe('one file', () => {
  it.each([
    [0, 'empty'],
    [1, 'one byte'],
    [KIB - 1, 'a chunk less one'],
    [KIB, 'a chunk'],
    [KIB + 1, 'a chunk and one'],
    [MIB - 1, 'a block less one'],
    [MIB, 'a block'],
    [MIB + 1, 'a block and one'],
    [2 * MIB, 'two blocks'],
    [5 * MIB + 3, 'five blocks and three'],
    [100 * MIB, 'a hundred blocks'],
  ])('of %i bytes (%s) arrives as it is', async (size) => {
    const receiver = await startReceiver();
    const path = join(await tempDir(), 'file.bin');
    await writeContent(path, size, size);
    await chmod(path, 0o640);
    await setTime(path, 1_234_567_890.5);

    const { status, stdout, stderr } = await send(receiver.address, path);
    expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: '' });
    await expectSame(receiver, path);
    expect(await readNames(receiver.dir)).toEqual(['file.bin']);
    const stored = await receiver.program.event('stored');
    expect(stored).toMatchObject({ v: 1, path: 'file.bin', as: 'file.bin', size, already: false, durable: true });
    expect(stored.digest).toBe(await fileDigest(await readFile(path)));
  });

  it('the picture, executable and from long ago', async () => {
    const receiver = await startReceiver();
    const path = join(await tempDir(), 'photo.jpg');
    await copyFile(photo, path);
    await chmod(path, 0o755);
    await setTime(path, 86_400.25);
    expect((await send(receiver.address, path)).status).toBe(0);
    await expectSame(receiver, path);
  });

  it('to a receiver that does not wait for its disk, and says so to both', async () => {
    const receiver = await startReceiver(['--no-sync']);
    const { status, stdout } = await send(receiver.address, photo, '--json');
    expect(status).toBe(0);
    expect(stdout).toContain('"durable":false');
    expect(await receiver.program.event('stored')).toMatchObject({ durable: false });
    await expectSame(receiver, photo);
  });

  it('under another name', async () => {
    const receiver = await startReceiver();
    expect((await send(receiver.address, photo, '--name', 'Sommer & Meer.jpg')).status).toBe(0);
    await expectSame(receiver, photo, 'Sommer & Meer.jpg');
    expect(await readNames(receiver.dir)).toEqual(['Sommer & Meer.jpg']);
  });

  it('named by a path relative to the folder of the call', async () => {
    const receiver = await startReceiver();
    const dir = await tempDir();
    await writeContent(join(dir, 'here.txt'), 10);
    const sent = await endOf(startFtx(['send', './here.txt', '--to', receiver.address], { cwd: dir }));
    expect(sent.status, sent.stderr).toBe(0);
    await expectSame(receiver, join(dir, 'here.txt'));
  });
});

it('many paths in one call arrive in one session', async () => {
  const receiver = await startReceiver();
  const dir = await tempDir();
  const paths = Array.from({ length: 30 }, (_, i) => join(dir, `file ${i}.bin`));
  for (const [i, path] of paths.entries()) await writeContent(path, i * 1000, i);

  const { status, stderr } = await send(receiver.address, ...paths, photo);
  expect(status, stderr).toBe(0);
  for (const path of [...paths, photo]) await expectSame(receiver, path);
  const done = await receiver.program.event('done');
  expect(done).toMatchObject({ session: 1, stored: 31, refused: 0, failed: 0 });
});

it('two paths of one name in one call both arrive', async () => {
  const receiver = await startReceiver();
  const [one, two] = [join(await tempDir(), 'same.txt'), join(await tempDir(), 'same.txt')];
  await writeContent(one, 100, 1);
  await writeContent(two, 100, 2);
  expect((await send(receiver.address, one, two)).status).toBe(0);
  expect(await readNames(receiver.dir)).toEqual(['same (1).txt', 'same.txt']);
  const hashes = await Promise.all(['same.txt', 'same (1).txt'].map((name) => hashFile(join(receiver.dir, name))));
  expect(new Set(hashes)).toEqual(new Set([await hashFile(one), await hashFile(two)]));
});

describe('standard input', () => {
  it.each([0, 1, KIB, MIB, MIB + 1, 5 * MIB + 3])('of %i bytes arrives under --name', async (size) => {
    const receiver = await startReceiver();
    const content = makeContent(size, 77);
    const sender = startFtx(['send', '-', '--allow-empty', '--name', 'stream.bin', '--to', receiver.address]);
    sender.stdin.write(content);
    const { status, stderr } = await endOf(sender);
    expect(status, stderr).toBe(0);
    expect(content.equals(await readFile(join(receiver.dir, 'stream.bin')))).toBe(true);
    expect(await readNames(receiver.dir)).toEqual(['stream.bin']);
  });

  it('in pieces of any length', async () => {
    const receiver = await startReceiver();
    const content = makeContent(3 * MIB, 5);
    const sender = startFtx(['send', '-', '--name', 'pieces.bin', '--to', receiver.address]);
    for (let at = 0, step = 1; at < content.length; at += step, step = (step * 7) % 99_991) {
      const piece = content.subarray(at, at + step);
      await new Promise((taken) => sender.stdin.write(piece, taken));
    }
    const { status, stderr } = await endOf(sender);
    expect(status, stderr).toBe(0);
    expect(content.equals(await readFile(join(receiver.dir, 'pieces.bin')))).toBe(true);
  });
});

it('both sides tell the same digest of a block', async () => {
  const receiver = await startReceiver();
  const { status, stdout } = await send(receiver.address, photo, '--json');
  expect(status).toBe(0);
  const digest = await blockDigest(await readFile(photo));
  expect((await receiver.program.event('stored')).digest).toBe(digest);
  expect(stdout).toContain(digest);
});
