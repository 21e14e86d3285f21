/** The same file again: stored once, whatever sender and receiver remember. */
import { copyFile, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashFile, readNames, tempDir, writeContent } from '../support/folders.js';
import { startReceiver, type Mailbox } from '../support/mailbox.js';
import { runFtx } from '../support/processes.js';

const MIB = 1024 * 1024;

interface Run {
  readonly stored: { readonly as: string; readonly already: boolean; readonly digest: string }[];
  /** Bytes that were read or sent. */
  readonly moved: number;
}

/** Sends with a home of its own, and fails unless everything is stored. */
async function send(home: string, { address }: Mailbox, path: string, ...more: string[]): Promise<Run> {
  const env = { FTX_HOME: home };
  const { status, stdout, stderr } = await runFtx(['send', path, '--to', address, '--json', ...more], { env });
  expect(status, stderr).toBe(0);
  const events = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const moved = events.filter(({ type }) => type === 'progress').length;
  return { stored: events.filter(({ type }) => type === 'stored') as unknown as Run['stored'], moved };
}

/** A file that changed long enough ago to be vouched for. */
async function makeFile(name: string, size = 2 * MIB + 5): Promise<string> {
  const path = join(await tempDir(), name);
  await writeContent(path, size);
  const settled = Date.now() + 2_100;
  await expect.poll(() => Date.now() > settled, { timeout: 5_000, interval: 100 }).toBe(true);
  return path;
}

const WAYS = [
  ['a ledger', [], []],
  ['no ledger', ['--no-ledger'], []],
  ['no encryption', ['--plain'], ['--plain']],
] as const;

describe.each(WAYS)('the same again with %s', (way, atReceiver, atSender) => {
  it.each(['rename', 'overwrite', 'skip', 'fail'])('is already there (%s)', async (policy) => {
    const mailbox = await startReceiver(['--on-conflict', policy, ...atReceiver]);
    const [home, path] = [await tempDir(), await makeFile('film')];
    const first = await send(home, mailbox, path, ...atSender);
    expect(first.stored).toMatchObject([{ as: 'film', already: false }]);
    const before = await stat(join(mailbox.dir, 'film'), { bigint: true });
    const again = await send(home, mailbox, path, ...atSender);
    expect(again.stored).toMatchObject([{ as: 'film', already: true, digest: first.stored[0]?.digest }]);
    // With a ledger nothing was read.
    expect(again.moved === 0).toBe(way === 'a ledger');
    // From another machine, or another home, the content decides.
    expect((await send(await tempDir(), mailbox, path, ...atSender)).stored).toMatchObject([
      { as: 'film', already: true },
    ]);
    const after = await stat(join(mailbox.dir, 'film'), { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
    expect(await readNames(mailbox.dir)).toEqual(['film']);
  });

  it('whose content changed, with size and time put back, is another file', async () => {
    const mailbox = await startReceiver([...atReceiver]);
    const [home, path] = [await tempDir(), await makeFile('film')];
    await send(home, mailbox, path, ...atSender);
    const { mtime } = await stat(path);
    const content = await readFile(path);
    content[MIB] = (content[MIB] ?? 0) ^ 1;
    await writeFile(path, content);
    await utimes(path, mtime, mtime);
    for (let times = 0; times < 2; times += 1)
      expect((await send(home, mailbox, path, ...atSender)).stored).toMatchObject([
        { as: 'film (1)', already: times > 0 },
      ]);
    // A copy on a second machine that has the same home.
    const copy = join(await tempDir(), 'film');
    await copyFile(path, copy);
    await utimes(copy, mtime, mtime);
    expect((await send(home, mailbox, copy, ...atSender)).stored).toMatchObject([{ as: 'film (1)', already: true }]);
    expect(await readNames(mailbox.dir)).toEqual(['film', 'film (1)']);
    expect(content.equals(await readFile(join(mailbox.dir, 'film (1)')))).toBe(true);
  });

  it('is stored again when the receiver has changed or moved its own', async () => {
    const mailbox = await startReceiver([...atReceiver]);
    const [home, path] = [await tempDir(), await makeFile('film')];
    await send(home, mailbox, path, ...atSender);
    const stored = join(mailbox.dir, 'film');
    const { mtime } = await stat(stored);
    const content = await readFile(stored);
    content[0] = (content[0] ?? 0) ^ 1;
    await writeFile(stored, content);
    await utimes(stored, mtime, mtime);
    expect((await send(home, mailbox, path, ...atSender)).stored).toMatchObject([{ as: 'film (1)', already: false }]);
    await mkdir(join(mailbox.dir, 'taken'));
    for (const name of ['film', 'film (1)']) await rename(join(mailbox.dir, name), join(mailbox.dir, 'taken', name));
    expect((await send(home, mailbox, path, ...atSender)).stored).toMatchObject([{ as: 'film', already: false }]);
    expect(await hashFile(stored)).toBe(await hashFile(path));
  });
});

it('is already there after the ledger was removed under the receiver', async () => {
  const mailbox = await startReceiver();
  const [home, path] = [await tempDir(), await makeFile('film')];
  await send(home, mailbox, path);
  await rm(join(mailbox.dir, '.ftx-ledger'), { recursive: true });
  expect((await send(home, mailbox, path)).stored).toMatchObject([{ as: 'film', already: true }]);
  expect(await readNames(mailbox.dir)).toEqual(['film']);
});
