import { appendFile, rename, truncate, utimes } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashFile, readStoredNames, tempDir, writeContent } from '../support/folders.js';
import { sendPlain as send, startPlainReceiver as startReceiver, type Mailbox } from '../support/mailbox.js';
import { oneSentence } from '../support/sentences.js';
import { startProxy, type Faults } from '../support/proxy.js';

const MIB = 1024 * 1024;
/** More than both sockets' buffers on loopback and the read-ahead hold together. */
const LARGE = 64 * MIB;

/** Seconds for --timeout: more than the second between two `status` frames, which are no sign of life. */
const TIMEOUT_S = '2';

async function makeFile(size: number): Promise<string> {
  const path = join(await tempDir(), 'file.bin');
  await writeContent(path, size);
  return path;
}

/** The receiver holds nothing of the lost session and serves the next sender. */
async function expectUnharmed(receiver: Mailbox): Promise<void> {
  expect(await readStoredNames(receiver.dir)).toEqual([]);
  const next = await makeFile(2 * MIB + 1);
  const { status, stderr } = await send(receiver.address, next);
  expect(status, stderr).toBe(0);
  expect(await readStoredNames(receiver.dir)).toEqual(['file.bin']);
  expect(await hashFile(join(receiver.dir, 'file.bin'))).toBe(await hashFile(next));
}

describe('a connection that is lost', () => {
  it.each<[string, Faults]>([
    ['reset in the content', { toReceiver: { cut: 3 * MIB } }],
    ['reset in the greeting', { toReceiver: { cut: 3 } }],
    ['reset in the hello', { toReceiver: { cut: 20 } }],
    ['reset in the receiver’s greeting', { toSender: { cut: 4 } }],
    ['closed in the content', { toReceiver: { close: 3 * MIB } }],
    ['closed in the hello', { toReceiver: { close: 30 } }],
    ['closed in the receiver’s hello', { toSender: { close: 30 } }],
  ])('%s costs that transfer only', async (_, faults) => {
    const receiver = await startReceiver();
    const proxy = await startProxy(receiver.port, faults);
    const { status, stderr } = await send(proxy.address, await makeFile(5 * MIB + 3));
    expect(status, stderr).toBe(75);
    expect(stderr).toMatch(oneSentence);
    // A sender that leaves before it has offered anything has lost nothing of which the receiver knows.
    if (faults.toReceiver) await receiver.program.event('failed');
    await receiver.program.event('done');
    await expectUnharmed(receiver);
  });

  it('while many files are under way fails those that were not stored, and only those', async () => {
    const receiver = await startReceiver();
    const source = await tempDir();
    const paths = Array.from({ length: 20 }, (_, i) => join(source, `${i}.bin`));
    for (const [i, path] of paths.entries()) await writeContent(path, MIB, i);
    const proxy = await startProxy(receiver.port, { toReceiver: { cut: 10 * MIB + 500_000 } });
    const { status, stdout } = await send(proxy.address, ...paths, '--json');
    expect(status).toBe(75);
    await receiver.program.event('done');

    const names = await readStoredNames(receiver.dir);
    for (const name of names) {
      expect(await hashFile(join(receiver.dir, name))).toBe(await hashFile(join(source, name)));
    }
    const told = stdout.split('\n').filter((line) => line.includes('"type":"stored"'));
    expect(told.length).toBeLessThanOrEqual(names.length);
    for (const line of told) expect(names).toContain((JSON.parse(line) as { as: string }).as);
  });
});

describe('a connection that stalls', () => {
  it.each<[string, Faults]>([
    ['towards the receiver', { toReceiver: { stall: 3 * MIB } }],
    ['towards the sender', { toSender: { stall: 60 } }],
    ['both ways', { toReceiver: { stall: 3 * MIB }, toSender: { stall: 200 } }],
    ['in the greeting', { toReceiver: { stall: 3 } }],
    ['in the receiver’s greeting', { toSender: { stall: 3 } }],
  ])('%s ends both sides by their time limit', async (_, faults) => {
    const receiver = await startReceiver(['--timeout', TIMEOUT_S]);
    const proxy = await startProxy(receiver.port, faults);
    const { status, stderr } = await send(proxy.address, await makeFile(LARGE), '--timeout', TIMEOUT_S);
    expect(status, stderr).toBe(75);
    expect(stderr).toMatch(oneSentence);
    // A sender that heard nothing has offered nothing, and leaves nothing that could fail.
    if (faults.toReceiver) await receiver.program.event('failed', ({ code }) => code === 'timeout' || code === 'lost');
    await receiver.program.event('done');
    await expectUnharmed(receiver);
  });

  it.each([
    ['a file that the system takes as a whole', 100_000, 50_000],
    ['a large file', LARGE, 3 * MIB],
  ])('towards a receiver with much patience, in %s, ends the sender by its own time limit', async (_, size, stall) => {
    const receiver = await startReceiver(['--timeout', '3600']);
    const proxy = await startProxy(receiver.port, { toReceiver: { stall } });
    const { status, stderr } = await send(proxy.address, await makeFile(size), '--timeout', TIMEOUT_S);
    expect(status, stderr).toBe(75);
    expect(stderr).toMatch(/^ftx: \S+ answers, but has got nothing of what was sent for 2 s\. /m);
    await receiver.program.event('done');
    await expectUnharmed(receiver);
  });

  it('at once ends the sender by the time limit of the greeting', async () => {
    const receiver = await startReceiver();
    const proxy = await startProxy(receiver.port, { toReceiver: { stall: 0 }, toSender: { stall: 0 } });
    const { status, stderr } = await send(proxy.address, await makeFile(1000));
    expect(status, stderr).toBe(75);
    expect(stderr).toMatch(oneSentence);
    await expectUnharmed(receiver);
  });

  it('of a sender that says nothing', async () => {
    const receiver = await startReceiver(['--timeout', '1']);
    const silent = connect(receiver.port, '127.0.0.1');
    await new Promise((closed) =>
      silent
        .resume()
        .on('error', () => undefined)
        .on('close', closed),
    );
    await expectUnharmed(receiver);
  });
});

describe('a source that changes while it is sent', () => {
  it.each<[string, (path: string) => Promise<void>]>([
    ['shrinks', (path) => truncate(path, 40 * MIB)],
    ['shrinks to nothing', (path) => truncate(path, 0)],
    ['grows', (path) => appendFile(path, 'more')],
    [
      'is replaced',
      async (path) => {
        await writeContent(`${path}.new`, LARGE, 9);
        await rename(`${path}.new`, path);
      },
    ],
    [
      'is written over in place',
      async (path) => {
        await writeContent(path, LARGE, 9);
        await utimes(path, 1, 1);
      },
    ],
  ])('%s: a clear failure and nothing stored', async (_, change) => {
    const receiver = await startReceiver();
    const path = await makeFile(LARGE);
    const proxy = await startProxy(receiver.port, { toReceiver: { stall: 2 * MIB } });
    const sending = send(proxy.address, path);
    await proxy.struck;
    await change(path);
    proxy.resume();
    const { status, stderr } = await sending;
    expect(status, stderr).toBe(75);
    expect(stderr).toMatch(oneSentence);
    expect(stderr).toContain('file.bin');
    expect(await receiver.program.event('failed')).toMatchObject({ path: 'file.bin', code: 'changed' });
    await receiver.program.event('done');
    await expectUnharmed(receiver);
  });
});
