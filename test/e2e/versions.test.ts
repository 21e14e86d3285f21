/** The program of version 0.1.0 exchanges files with this build, in either direction. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import type { TransferEvent } from '../../src/core/events.js';
import { noteVisit, rememberSender } from '../../src/home/known-peers.js';
import { hashFile, readNames, readStoredNames, setTime, tempDir, writeContent } from '../support/folders.js';
import { newHome } from '../support/homes.js';
import { startReceiver, type Mailbox } from '../support/mailbox.js';
import { endOf, startFtx, type Exit, type Program, type RunOptions } from '../support/processes.js';
import { startProxy } from '../support/proxy.js';
import { unpackVersion, type Version } from '../support/versions.js';

const MIB = 1024 * 1024;
/** Of the 48 that reach the receiver before the kill; the rest may be on its way to the disk. */
const MIN_BLOCKS = 8;
const CHANNELS = ['encrypted', '--plain'] as const;
type Channel = (typeof CHANNELS)[number];

let old: Version;
beforeAll(async () => {
  old = await unpackVersion('0.1.0');
});
afterAll(() => old.remove());

interface Side {
  /** Where its program lies and who it is. */
  readonly options: RunOptions;
  readonly args: readonly string[];
}

interface Pair {
  readonly sender: Side;
  readonly receiver: Side;
}

/** A sender and a receiver, each with a home of its own. */
async function pairUp(oldSide: keyof Pair, channel: Channel): Promise<Pair> {
  const args = channel === '--plain' ? [channel] : [];
  const make = async (isOld: boolean): Promise<Side> => {
    const { env } = await newHome();
    return { args, options: isOld ? { env, main: old.main } : { env } };
  };
  return { sender: await make(oldSide === 'sender'), receiver: await make(oldSide === 'receiver') };
}

const receiveAs = ({ options, args }: Side, ...more: string[]): Promise<Mailbox> =>
  startReceiver([...args, ...more], options);

const startSender = ({ options, args }: Side, address: string, ...more: string[]): Program =>
  startFtx(['send', '--retry', '0', '--json', ...args, ...more, '--to', address], options);

interface Sent extends Exit {
  readonly events: readonly TransferEvent[];
}

async function sendAs(side: Side, address: string, ...more: string[]): Promise<Sent> {
  const program = startSender(side, address, ...more);
  const exit = await endOf(program);
  return { ...exit, events: program.events() };
}

const ofType = <T extends TransferEvent['type']>(events: readonly TransferEvent[], wanted: T) =>
  events.filter((event): event is Extract<TransferEvent, { type: T }> => event.type === wanted);

async function makeFile(name: string, size: number, seed = 1): Promise<string> {
  const path = join(await tempDir(), name);
  await writeContent(path, size, seed);
  return path;
}

/** A folder with two files that a receiver with `--max-size 4M` refuses, one that it takes, and an empty folder. */
async function makeTree(): Promise<string> {
  const tree = join(await tempDir(), 'tree');
  await mkdir(join(tree, 'empty'), { recursive: true });
  await writeContent(join(tree, 'a.bin'), 3 * MIB);
  await writeContent(join(tree, 'huge.bin'), 5 * MIB);
  await writeFile(join(tree, 'NUL'), 'x');
  return tree;
}

it('a list of known peers that this build has written is read by 0.1.0, with the senders that came again', async () => {
  const { env, home } = await newHome();
  const identity = `sha256:${'a'.repeat(64)}` as const;
  await rememberSender(home, identity, '192.0.2.7');
  await noteVisit(home, identity, '192.0.2.9');
  const exit = await endOf(startFtx(['peers', '--json'], { env, main: old.main }));
  expect([exit.status, exit.stderr]).toEqual([0, '']);
  expect(JSON.parse(exit.stdout)).toMatchObject({ role: 'sender', identity, address: '192.0.2.7' });
});

const SIDES = [
  ['from 0.1.0 to this build', 'sender'],
  ['from this build to 0.1.0', 'receiver'],
] as const;

describe.each(
  SIDES.flatMap(([direction, oldSide]) => CHANNELS.map((channel) => [direction, channel, oldSide] as const)),
)('%s, %s', (_, channel, oldSide) => {
  it('a new file is stored, is already there the second time, and is stored beside it when changed', async () => {
    const { sender, receiver } = await pairUp(oldSide, channel);
    const mailbox = await receiveAs(receiver);
    const file = await makeFile('film.bin', 3 * MIB + 1);
    const first = await sendAs(sender, mailbox.address, file);
    expect(first.status, first.stderr).toBe(0);
    expect(ofType(first.events, 'stored')).toMatchObject([
      { path: 'film.bin', as: 'film.bin', already: false, durable: true },
    ]);
    expect(await hashFile(join(mailbox.dir, 'film.bin'))).toBe(await hashFile(file));
    expect((await stat(join(mailbox.dir, 'film.bin'))).mtimeMs).toBeCloseTo((await stat(file)).mtimeMs, 1);

    const again = await sendAs(sender, mailbox.address, file);
    expect(again.status, again.stderr).toBe(0);
    expect(ofType(again.events, 'stored')).toMatchObject([{ as: 'film.bin', already: true }]);
    expect(await readNames(mailbox.dir)).toEqual(['film.bin']);

    const before = await hashFile(file);
    await writeContent(file, 3 * MIB + 1, 7);
    await setTime(file, 1_700_000_000);
    const changed = await sendAs(sender, mailbox.address, file);
    expect(changed.status, changed.stderr).toBe(0);
    expect(ofType(changed.events, 'stored')).toMatchObject([{ as: 'film (1).bin', already: false }]);
    expect(await hashFile(join(mailbox.dir, 'film.bin'))).toBe(before);
    expect(await hashFile(join(mailbox.dir, 'film (1).bin'))).toBe(await hashFile(file));
  });

  it.each(['sender', 'receiver'] as const)('a transfer goes on after a kill -9 of the %s', async (victim) => {
    const { sender, receiver } = await pairUp(oldSide, channel);
    const mailbox = await receiveAs(receiver);
    // More is left behind the stall than all socket buffers on the way hold.
    const file = await makeFile('film.bin', 160 * MIB + 1);
    const proxy = await startProxy(mailbox.port, { toReceiver: { stall: 48 * MIB } });
    const first = startSender(sender, proxy.address, file);
    await proxy.struck;
    if (victim === 'sender') {
      first.kill('SIGKILL');
      await first.exit;
      proxy.resume();
      await mailbox.program.event('done');
    } else {
      await expect.poll(() => countDurableBlocks(mailbox.dir), { timeout: 20_000 }).toBeGreaterThanOrEqual(MIN_BLOCKS);
      mailbox.program.kill('SIGKILL');
      await mailbox.program.exit;
      expect((await first.exit).status).toBe(75);
    }
    const next =
      victim === 'sender' ? mailbox : await receiveAs(receiver, '--dir', mailbox.dir, '--port', String(mailbox.port));
    const last = await sendAs(sender, next.address, file);
    expect(last.status, last.stderr).toBe(0);
    const [resumed] = ofType(last.events, 'resumed');
    expect(resumed?.bytes).toBeGreaterThanOrEqual(MIN_BLOCKS * BLOCK_BYTES);
    // What it keeps beside a part file goes away after the sender has been told.
    next.program.kill('SIGTERM');
    await next.program.exit;
    expect(await readNames(mailbox.dir)).toEqual(['film.bin']);
    expect(await hashFile(join(mailbox.dir, 'film.bin'))).toBe(await hashFile(file));
  });

  it.each([
    ['rename', 0, { 'photo (1).jpg': 'new', 'photo.jpg': 'old' }],
    ['overwrite', 0, { 'photo.jpg': 'new' }],
    ['skip', 77, { 'photo.jpg': 'old' }],
    ['fail', 77, { 'photo.jpg': 'old' }],
  ])('--on-conflict %s does with a taken name what it says', async (policy, status, expected) => {
    const { sender, receiver } = await pairUp(oldSide, channel);
    const mailbox = await receiveAs(receiver, '--on-conflict', policy);
    const contents = { old: await makeFile('photo.jpg', 1000, 1), new: await makeFile('photo.jpg', 2000, 2) };
    expect((await sendAs(sender, mailbox.address, contents.old)).status).toBe(0);
    const second = await sendAs(sender, mailbox.address, contents.new);
    expect(second.status, second.stderr).toBe(status);
    expect(ofType(second.events, 'refused')).toMatchObject(status === 0 ? [] : [{ path: 'photo.jpg', code: 'exists' }]);
    expect(await readNames(mailbox.dir)).toEqual(Object.keys(expected));
    for (const [name, content] of Object.entries(expected)) {
      expect(await hashFile(join(mailbox.dir, name))).toBe(await hashFile(contents[content as 'old' | 'new']));
    }
  });

  it('a list is judged before its first byte: what is refused is named on both sides, the rest is stored', async () => {
    const { sender, receiver } = await pairUp(oldSide, channel);
    const mailbox = await receiveAs(receiver, '--max-size', '4M');
    const tree = await makeTree();
    const { status, events } = await sendAs(sender, mailbox.address, tree);
    expect(status).toBe(77);
    const refusals = ofType(events, 'refused').map(({ path, code }) => [path, code]);
    expect(refusals).toEqual([
      ['tree/NUL', 'bad-name'],
      ['tree/huge.bin', 'too-large'],
    ]);
    const types = events.map(({ type }) => type);
    expect(types.lastIndexOf('refused')).toBeLessThan(types.indexOf('checked'));
    expect(types.indexOf('checked')).toBeLessThan(types.indexOf('progress'));
    await mailbox.program.event('done');
    expect(ofType(mailbox.program.events(), 'refused').map(({ path, code }) => [path, code])).toEqual(refusals);
    expect(await readNames(mailbox.dir)).toEqual(['tree', 'tree/a.bin', 'tree/empty']);
    expect(await hashFile(join(mailbox.dir, 'tree/a.bin'))).toBe(await hashFile(join(tree, 'a.bin')));
  });

  it('a dry run tells of each entry what would become of it, and stores nothing', async () => {
    const { sender, receiver } = await pairUp(oldSide, channel);
    const mailbox = await receiveAs(receiver, '--max-size', '4M');
    const tree = await makeTree();
    const plan = async () => {
      const { status, events } = await sendAs(sender, mailbox.address, tree, '--dry-run');
      expect(status).toBe(77);
      expect(ofType(events, 'refused').map(({ path }) => path)).toEqual(['tree/NUL', 'tree/huge.bin']);
      return ofType(events, 'planned')
        .map(({ as, fate }) => [as, fate])
        .sort();
    };
    expect(await plan()).toEqual([
      ['tree', 'new'],
      ['tree/a.bin', 'new'],
      ['tree/empty', 'new'],
    ]);
    expect(await readStoredNames(mailbox.dir)).toEqual([]);
    await sendAs(sender, mailbox.address, tree);
    expect(await plan()).toEqual([
      ['tree', 'already'],
      // Version 0.1.0 tells it to anybody, and this build to a sender that has brought the file.
      ...(oldSide === 'sender' && channel === '--plain' ? [['tree/a (1).bin', 'rename']] : [['tree/a.bin', 'already']]),
      ['tree/empty', 'already'],
    ]);
  });
});

/** How many blocks a later session can build on: a journal is a line of text, and then 24 bytes for each of them. */
async function countDurableBlocks(dir: string): Promise<number> {
  const name = (await readdir(dir)).find((entry) => entry.endsWith('.journal'));
  if (name === undefined) return 0;
  const journal = await readFile(join(dir, name));
  return Math.floor((journal.length - journal.indexOf('\n') - 1) / 24);
}
